#!/bin/sh
# Writes golden.txt: objects that the real ostree made (2022.7), in hexadecimal.
# Recipe: sh golden.sh > golden.txt, on a file system with user xattrs.
set -e
export LC_ALL=C.UTF-8 TZ=UTC
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/tree/sub/empty" "$dir/tree/ünicode"
printf 'hello\n' >"$dir/tree/file"
: >"$dir/tree/sub/none"
ln -s ../file "$dir/tree/sub/link"
printf 'run' >"$dir/tree/sub/prog"
chmod 4755 "$dir/tree/sub/prog"
setfattr -n user.b -v two "$dir/tree/sub/prog"
setfattr -n user.a -v one "$dir/tree/sub/prog"
setfattr -n user.dir -v yes "$dir/tree/sub"
repo=$dir/repo
ostree init --repo="$repo" --mode=archive --collection-id=org.example.Golden
ostree commit --repo="$repo" -b base --tree=dir="$dir/tree" --owner-uid=0 --owner-gid=0 \
	--timestamp='2020-01-01 00:00:00 +0000' -s 'first' >/dev/null
ostree commit --repo="$repo" -b base --tree=dir="$dir/tree" --owner-uid=7 --owner-gid=8 \
	--timestamp='2020-01-02 00:00:00 +0000' -s 'second' -m 'with a body' \
	--add-metadata-string=version=1.2 --add-metadata='n=uint32 5' >/dev/null
ostree summary --repo="$repo" -u 2>/dev/null
for object in "$repo"/objects/*/*; do
	name=${object#"$repo"/objects/}
	echo "$(echo "$name" | tr -d /) $(od -An -v -tx1 "$object" | tr -d ' \n')"
done
echo "base.ref $(od -An -v -tx1 "$repo/refs/heads/base" | tr -d ' \n')"
echo "summary.summary $(od -An -v -tx1 "$repo/summary" | tr -d ' \n')"
