// Package layout gives a root filesystem the form that OSTree deploys. Everything
// happens in memory; nothing is dropped that the report does not name.
//
//	FilterPackages            before the packages are put together
//	Seed                      before scriptlets: users and groups keep their ids
//	Prepare                   after scriptlets: the treefile's units and files
//	   … postprocess scripts …
//	Finish                    /usr/etc, /var as tmpfiles.d, links, users
//	EmptyBoot                 when the kernel has left /boot
//	Reopen                    a finished tree, to put packages on top of it
//
// What a deployment looks like, beside what packages install:
//
//	packages                      commit                     machine
//	/etc/x                        /usr/etc/x                 /etc/x, merged at each deployment
//	/var/x/ (a directory)         a line of tmpfiles.d       /var/x/, made at boot
//	/var/x (a file)               –, reported                –
//	/opt/x                        /usr/lib/opt/x + a line    /var/opt/x, a link to it
//	/home /root /srv /mnt         links to /var              /var/home, /var/roothome, …
//	/usr/local/                   a link to /var/usrlocal    /var/usrlocal/
//	users but root                /usr/lib/passwd            found by nss-altfiles
//
// docs/layout.md lists every transformation beside the step of rpm-ostree that it
// stands for. The order of the steps is fixed; the same tree gives the same
// bytes. After an error the tree is half done and of no further use.
package layout
