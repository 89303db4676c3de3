#!/bin/sh
# install.sh COMMAND:PACKAGE... installs the Debian packages whose command is
# missing. The servers among them are not started: tests start their own.
set -eu

missing=
for tool; do
	command -v "${tool%%:*}" >/dev/null || missing="$missing ${tool##*:}"
done
test -n "$missing" || exit 0

as=
test "$(id -u)" = 0 || as=sudo
if ! command -v apt-get >/dev/null || { test -n "$as" && ! command -v sudo >/dev/null; }; then
	echo "install.sh: expected$missing to be installed, and apt-get with root or sudo to do it" >&2
	exit 1
fi

# What a package would start, this policy forbids (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if ! test -e "$policy"; then
	trap '$as rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' | $as tee "$policy" >/dev/null
	$as chmod +x "$policy"
fi
$as apt-get update -q
# shellcheck disable=SC2086 # one word for each package
$as env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $missing
