// Package initramfs finds the kernel of a tree and makes its initramfs.
package initramfs
