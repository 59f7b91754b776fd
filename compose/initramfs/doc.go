// Package initramfs finds the kernel of a tree, puts it where OSTree looks for
// it, and makes its initramfs with the tree's own dracut.
//
//	FindKernel ──► Prepare ──► depmod, dracut in the sandbox ──► Image ──► Place
//	                              ▲ unless the Cache has one whose inputs are
//	                              │ the tree's
//
// An initramfs is as good as another when nothing that went into it changed. So
// the cache keeps, with each, the arguments, the kernel, and every file of the
// tree that has a copy in the archive or lies where dracut and its modules look
// for what to do; a tree in which all these are the same gets the same image.
package initramfs
