# layout.sh ROOT KERNEL: turns an installed root into what OSTree deploys, in
# place. It is the least that a tree needs to boot; treewright does more.
set -eu
cd "$1"
modules=usr/lib/modules/$2

# The kernel lies beside its modules; /boot is the machine's.
[ -e "$modules/vmlinuz" ] || cp "boot/vmlinuz-$2" "$modules/vmlinuz"
rm -rf boot && mkdir boot

# rpm's database is part of the tree.
for db in var/lib/rpm usr/lib/sysimage/rpm; do
	if [ -d "$db" ] && [ ! -L "$db" ]; then
		mkdir -p usr/share
		mv "$db" usr/share/rpm
		break
	fi
done

# Users but root are found in /usr/lib.
for file in passwd group; do
	[ -e "etc/$file" ] || continue
	grep -v '^root:' "etc/$file" >"usr/lib/$file" || :
	grep '^root:' "etc/$file" >"etc/$file.new"
	mv "etc/$file.new" "etc/$file"
done
: >etc/machine-id
rm -f etc/passwd- etc/group- etc/shadow- etc/gshadow-
mv etc usr/etc

# What /var has is made when the machine boots.
mkdir -p usr/lib/tmpfiles.d
find var run -mindepth 1 -type d -printf 'd /%p 0%m %u %g - -\n' | sort >usr/lib/tmpfiles.d/rpm-ostree-autovar.conf
rm -rf var run tmp root home srv mnt media opt dev proc sys
mkdir var run dev proc sys sysroot
ln -s sysroot/ostree ostree
ln -s sysroot/tmp tmp
ln -s run/media media
for pair in root:roothome home:home srv:srv mnt:mnt opt:opt; do
	ln -s "var/${pair#*:}" "${pair%%:*}"
done
