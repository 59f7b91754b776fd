#!/bin/sh
# Says how this boot went, one "name: value" a line, and powers the machine off.
# With boottest.update on the kernel's command line it pulls what the disk that
# is labelled UPDATE has, and deploys it for the next boot.
export PATH=/usr/sbin:/usr/bin LC_ALL=C

say() { # name command...: a line for each line of output
	name=$1
	shift
	"$@" 2>&1 </dev/null | while IFS= read -r line; do echo "$name: $line"; done
}

owner() { stat -c '%U:%G %a' "$1"; }
inodes() { stat -c '%i %h' /usr/share/feature/link1 /usr/share/feature/link2 /usr/share/feature/link3 | sort -u; }
write_usr() { if touch /usr/share/written; then echo yes; else echo no; fi 2>/dev/null; }
enabled() { systemctl is-enabled boottest.service; }

update() {
	mkdir -p /run/boottest &&
		mount -o ro /dev/disk/by-label/UPDATE /run/boottest &&
		ostree admin upgrade
	echo "exit $?"
}

echo 'begin: boottest'
say running timeout 300 systemctl is-system-running --wait
say failed systemctl list-units --failed --plain --no-legend
say multi-user systemctl is-active multi-user.target
say enabled enabled
say version cat /usr/share/boottest/version
say config cat /etc/boottest.conf
say user-sysusers id -un ft-sys
say user-useradd id -un ft-add
say owner-sysusers owner /usr/share/feature/of-sysusers
say owner-useradd owner /usr/bin/feature-setgid
say owner-var owner /var/lib/ft-add
say setuid owner /usr/bin/feature-setuid
say caps getcap /usr/bin/feature-caps
say links inodes
say file-trigger cat /usr/share/feature.log
say trans-trigger cat /usr/share/feature.index
say write-usr write_usr
say root-home stat -L -c '%F %a' /root
say status ostree admin status
say etc ostree admin config-diff
case " $(cat /proc/cmdline) " in
*" boottest.update "*) say update update ;;
esac
echo 'end: boottest'
sync
systemctl poweroff 2>/dev/null
