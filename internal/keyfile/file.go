package keyfile

import "errors"

type File struct{}

var errSkeleton = errors.New("keyfile: skeleton")

func Parse(data []byte) (*File, error)                        { return nil, errSkeleton }
func ParseINI(data []byte) (*File, error)                     { return nil, errSkeleton }
func (f *File) Groups() []string                              { return nil }
func (f *File) Has(group string) bool                         { return false }
func (f *File) Keys(group string) []string                    { return nil }
func (f *File) Get(group, key string) (value string, ok bool) { return "", false }
func (f *File) List(group, key string) []string               { return nil }
func (f *File) Line(group, key string) int                    { return 0 }
func (f *File) Set(group, key, value string)                  {}
func (f *File) SetList(group, key string, values []string)    {}
func (f *File) Delete(group, key string)                      {}
func (f *File) DeleteGroup(group string)                      {}
func (f *File) Encode() []byte                                { return nil }
