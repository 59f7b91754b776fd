package rpmtest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"fmt"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// parts are the pieces of a package file, kept apart so that signatures and
// damage can be applied before they are joined.
type parts struct {
	lead      []byte
	signature header
	header    []byte
	payload   []byte
}

// Build returns the package file.
func (p Package) Build() ([]byte, error) {
	parts, err := p.parts()
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", p.FileName(), err)
	}
	return parts.join(), nil
}

func (p Package) parts() (*parts, error) {
	p = p.withDefaults()
	files, err := p.fileInfos()
	if err != nil {
		return nil, err
	}
	archive := writePayload(p, p.Damage.inArchive(files))
	p.Damage.inFiles(files)
	payload, err := compress(archive, p.Compression)
	if err != nil {
		return nil, err
	}
	h := header{}
	p.writeGeneral(h)
	if err := p.writeDeps(h); err != nil {
		return nil, err
	}
	if err := p.writeScriptlets(h); err != nil {
		return nil, err
	}
	p.writeFiles(h, files)
	p.writePayloadTags(h, archive, payload)
	out := &parts{lead: lead(p), header: h.bytes(regionImmutable), payload: payload}
	out.signature = p.digests(out, len(archive))
	for _, s := range p.Sign {
		if err := s.sign(out); err != nil {
			return nil, fmt.Errorf("signing: %w", err)
		}
	}
	return out, p.Damage.afterBuild(out)
}

// join writes the package file.
func (p *parts) join() []byte {
	out := append([]byte(nil), p.lead...)
	out = append(out, p.signature.bytes(regionSignatures)...)
	for len(out)%8 != 0 {
		out = append(out, 0)
	}
	out = append(out, p.header...)
	return append(out, p.payload...)
}

func (p Package) writeGeneral(h header) {
	h.strs(tagI18NTable, []string{"C"})
	h.str(rpm.TagName, p.Name)
	h.str(rpm.TagVersion, p.Version)
	h.str(rpm.TagRelease, p.Release)
	if p.Epoch != 0 {
		h.u32s(rpm.TagEpoch, p.Epoch)
	}
	h.i18n(rpm.TagSummary, p.Summary)
	h.i18n(rpm.TagDescription, p.Summary)
	h.u32s(rpm.TagBuildTime, uint32(p.BuildTime))
	h.str(rpm.TagBuildHost, "localhost")
	if p.Vendor != "" {
		h.str(rpm.TagVendor, p.Vendor)
	}
	p.writeChangelog(h)
	h.str(rpm.TagLicense, p.License)
	h.i18n(rpm.TagGroup, "Unspecified")
	h.str(rpm.TagOS, "linux")
	h.str(rpm.TagEncoding, "utf-8")
	h.str(rpm.TagRPMVersion, "4.18.0")
	if p.source() {
		h.str(rpm.TagArch, "x86_64")
		h.u32s(rpm.TagSourcePackage, 1)
		return
	}
	h.str(rpm.TagArch, p.Arch)
	h.str(rpm.TagSourceRPM, p.SourceRPM)
}

// The tags of a changelog.
const (
	tagChangelogTime rpm.Tag = 1080
	tagChangelogName rpm.Tag = 1081
	tagChangelogText rpm.Tag = 1082
)

func (p Package) writeChangelog(h header) {
	if len(p.Changelog) == 0 {
		return
	}
	var times []uint32
	var authors, texts []string
	for _, c := range p.Changelog {
		times, authors, texts = append(times, uint32(c.Time)), append(authors, c.Author), append(texts, c.Text)
	}
	h.u32s(tagChangelogTime, times...)
	h.strs(tagChangelogName, authors)
	h.strs(tagChangelogText, texts)
}

func (p Package) writePayloadTags(h header, archive, payload []byte) {
	h.str(rpm.TagPayloadFormat, "cpio")
	if p.Compression != "none" {
		h.str(rpm.TagPayloadCompressor, p.Compression)
		h.str(rpm.TagPayloadFlags, "9")
	}
	if p.Format == FormatEL7 {
		return
	}
	sum, alt := sha256.Sum256(payload), sha256.Sum256(archive)
	h.strs(rpm.TagPayloadDigest, []string{hex.EncodeToString(sum[:])})
	h.strs(rpm.TagPayloadDigestAlt, []string{hex.EncodeToString(alt[:])})
	if p.Format != FormatV6 {
		h.u32s(rpm.TagPayloadDigestAlgo, uint32(rpm.SHA256))
		return
	}
	h.u32s(rpm.TagRPMFormat, 6)
	h.u64s(rpm.TagPayloadSize, uint64(len(payload)))
	h.u64s(rpm.TagPayloadSizeAlt, uint64(len(archive)))
	s5, s3 := sha512.Sum512(payload), sha3.Sum256(payload)
	h.str(rpm.TagPayloadSHA512, hex.EncodeToString(s5[:]))
	h.str(rpm.TagPayloadSHA3, hex.EncodeToString(s3[:]))
}

// digests returns a signature header that holds digests only.
func (p Package) digests(b *parts, archiveSize int) header {
	h := header{}
	s1, s256 := sha1.Sum(b.header), sha256.Sum256(b.header)
	if p.Format == FormatV6 {
		s3 := sha3.Sum256(b.header)
		h.str(rpm.SigSHA256, hex.EncodeToString(s256[:]))
		h.str(rpm.SigSHA3, hex.EncodeToString(s3[:]))
		h.bin(rpm.SigReserved, make([]byte, 16))
		return h
	}
	sum := md5.New()
	sum.Write(b.header)
	sum.Write(b.payload)
	h.bin(rpm.SigMD5, sum.Sum(nil))
	h.str(rpm.SigSHA1, hex.EncodeToString(s1[:]))
	h.u32s(rpm.SigSize, uint32(len(b.header)+len(b.payload)))
	h.u32s(rpm.SigPayloadSize, uint32(archiveSize))
	if p.Format != FormatEL7 {
		h.str(rpm.SigSHA256, hex.EncodeToString(s256[:]))
	}
	return h
}
