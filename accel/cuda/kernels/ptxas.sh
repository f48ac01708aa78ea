#!/bin/sh
# Lets NVIDIA's assembler take all kernels, for every architecture from Volta to Hopper, and compares our header with NVIDIA's.
# The assembler (84 MB) and the header (774 MB, only with HEADER=1) come from Debian's non-free packages into a temporary folder, by
# sources of its own: nothing is installed, and nothing of NVIDIA's stays. Where they can't be had, it says so and fails.
set -eu
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/tree"

. /etc/os-release
mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | grep -v security | head -n 1)
echo "deb ${mirror:-http://deb.debian.org/debian} $VERSION_CODENAME main contrib non-free non-free-firmware" >"$dir/sources.list"
apt() {
	apt-get -q -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::State::Lists="$dir/lists" \
		-o Dir::Cache="$dir/cache" -o APT::Sandbox::User=root "$@"
}
fetch() { # PACKAGE MEMBER...
	package=$1
	shift
	(cd "$dir" && apt download "$package" >/dev/null && dpkg --fsys-tarfile "$package"_*.deb | tar -x -C tree "$@" && rm "$package"_*.deb)
}
apt update >/dev/null && fetch nvidia-cuda-toolkit ./usr/bin/ptxas || {
	echo "NVIDIA's assembler can't be had from $mirror: the kernels were NOT assembled" >&2
	exit 1
}
"$dir/tree/usr/bin/ptxas" --version | tail -n 2

failed=0
for file in *.ptx; do
	least=$(sed -n 's/^\.target sm_\([0-9]*\).*/\1/p' "$file")
	for arch in 70 75 80 86 89 90; do
		[ "$arch" -ge "$least" ] || continue
		if ! "$dir/tree/usr/bin/ptxas" -arch=sm_$arch -v "$file" -o "$dir/out" >"$dir/log" 2>&1; then
			echo "$file for sm_$arch:" && cat "$dir/log"
			failed=1
		elif spilled=$(grep -B 2 -E '[1-9][0-9]* bytes spill' "$dir/log"); then
			echo "$file for sm_$arch spills registers:" && echo "$spilled"
		fi
	done
done
[ $failed = 0 ] && echo "ptxas takes all of $(ls *.ptx | wc -l) files for sm_70 to sm_90"

if [ -n "${HEADER:-}" ]; then
	fetch nvidia-cuda-dev ./usr/include/cuda.h
	# Two declarations of one function must agree, or this does not compile.
	printf '#include "%s"\n#undef CUDA_VERSION\n' "$dir/tree/usr/include/cuda.h" >"$dir/both.c"
	sed -n '/^CUresult/,/;/p' ../drv/include/cuda.h >>"$dir/both.c"
	gcc -fsyntax-only -w "$dir/both.c" && echo "$(grep -c '^CUresult' ../drv/include/cuda.h) prototypes agree with NVIDIA's header" || failed=1
fi
exit $failed
