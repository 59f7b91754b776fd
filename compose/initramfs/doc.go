// Package initramfs finds the kernel of a tree, puts it where OSTree looks for
// it, and makes its initramfs with the tree's own dracut.
//
//	FindKernel ──► Prepare ──► Restore ─────────────────────► Image.Apply ──► Place
//	                              │ nothing that fits            ▲
//	                              ▼                              │
//	                    Check, View on disk, sandbox ──► Build ──┘
//
// Only Prepare, Image.Apply and Place change the tree, so others may read it
// while programs run.
//
// An initramfs is as good as another when nothing that went into it changed.
// So the content store keeps, with each, what it was made of: see Inputs. A tree
// in which all of that is the same gets the same image, and neither depmod nor
// dracut runs. A failure is not kept.
package initramfs
