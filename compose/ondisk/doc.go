// Package ondisk lays a root filesystem out on disk and reads back what programs changed.
package ondisk
