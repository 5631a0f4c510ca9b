#!/usr/bin/env bash
# browser.sh BIN TOP WORK PACKAGES: the browser test, or the reason why it can't run here.
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/../interop/lib.sh"
packages=$4 build=$BIN/..

skip() { # the reason is kept for who called ctest, which does not show it
	echo "skipped: $*" | tee "$WORK/skipped"
	exit 77
}
for why in "$build/page/absent.txt" "$build/browser/absent.txt"; do
	[ ! -s "$why" ] || skip "$(cat "$why")"
done
[ -e "$packages/installed" ] || skip "its npm packages are not here"
command -v node >/dev/null || skip "node is not here"
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
	skip "no chromium is here"
command -v certutil >/dev/null || skip "certutil (libnss3-tools) is not here"
exec node "$TOP/tests/browser/main.js" "$WORK" "$packages" "$chromium"
