#!/bin/sh
# Lets NVIDIA's assembler take all kernels, for every architecture from Volta to Hopper, and compares our header with NVIDIA's.
# The assembler (84 MB) and the header (774 MB, only with HEADER=1) come from Debian's non-free packages into a temporary folder, by
# sources of its own: nothing is installed, and nothing of NVIDIA's stays but the numbers of registers. Where they can't be had it says so loudly and exits with 3; with 1
# where something was not accepted.
set -eu
cd "$(dirname "$0")"
missing() { # WHAT CONSEQUENCE
	echo "*** NVIDIA's $1 can't be had here, the $2 ***" >&2
	exit 3
}
command -v apt-get >/dev/null || missing assembler "kernels were NOT assembled"
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
apt update >/dev/null && fetch nvidia-cuda-toolkit ./usr/bin/ptxas || missing assembler "kernels were NOT assembled"
"$dir/tree/usr/bin/ptxas" --version | tail -n 2

failed=0
resources=../internal/roofline/resources.txt
: >"$resources"
for file in *.ptx; do
	least=$(sed -n 's/^\.target sm_\([0-9]*\).*/\1/p' "$file")
	for arch in 70 75 80 86 89 90; do
		[ "$arch" -ge "$least" ] || continue
		if ! "$dir/tree/usr/bin/ptxas" -arch=sm_$arch -v "$file" -o "$dir/out" >"$dir/log" 2>&1; then
			echo "$file for sm_$arch:" && cat "$dir/log"
			failed=1
		elif grep -B 1 -E '[1-9][0-9]* bytes (stack frame|spill)' "$dir/log" >"$dir/local"; then
			echo "$file for sm_$arch keeps in memory what belongs into registers:" && cat "$dir/local"
			failed=1
		fi
	done
	# The log is of sm_90: names, registers, bytes of shared memory.
	sed -n "s/.*entry function '\(.*\)' for.*/\1/p; s/.*Used \([0-9]*\) registers\(, \([0-9]*\) bytes smem\)\{0,1\}.*/\1 0\3/p" "$dir/log" |
		paste -d ' ' - - | sed 's/ 0\([1-9]\)/ \1/' | sort >>"$resources"
done
[ $failed = 0 ] && echo "ptxas takes all of $(ls *.ptx | wc -l) files for sm_70 to sm_90"

if [ -n "${HEADER:-}" ]; then
	fetch nvidia-cuda-dev ./usr/include/cuda.h || missing header "prototypes were NOT compared"
	# Two declarations of one function must agree, or this does not compile.
	printf '#include "%s"\n#undef CUDA_VERSION\n' "$dir/tree/usr/include/cuda.h" >"$dir/both.c"
	sed -n '/^CUresult/,/;/p' ../drv/include/cuda.h >>"$dir/both.c"
	grep -oE '\bCU[A-Z0-9_]+ = [0-9a-fx]+' ../drv/include/cuda_enums.h | while read -r name _ value; do # some are older than NVIDIA's header
		! grep -qw "$name" "$dir/tree/usr/include/cuda.h" || echo "_Static_assert($name == $value, \"$name\");"
	done >"$dir/enums"
	cat "$dir/enums" >>"$dir/both.c"
	gcc -fsyntax-only -w "$dir/both.c" &&
		echo "$(grep -c '^CUresult' ../drv/include/cuda.h) prototypes and $(wc -l <"$dir/enums") constants agree with NVIDIA's header" || failed=1
fi
exit $failed
