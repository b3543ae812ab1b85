#!/usr/bin/env bash
# The runner agrees with what is right, and says what is not. The token is of RFC 7515, appendix A.1.
set -euo pipefail
runner=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

key='{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}'
token='eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'

write() {  # file, result of the good token, result of a changed one
  cat >"$dir/$1" <<END
{"testGroups": [{"comment": "a", "private": $key, "tests": [
  {"tcId": 1, "comment": "good", "jws": "$token", "result": "$2", "flags": []},
  {"tcId": 2, "comment": "changed", "jws": "${token%?}A", "result": "$3", "flags": []}]}]}
END
}

write right.json valid invalid
[ "$("$runner" "$dir/right.json")" = "2 tests, 2 agreed, 0 disagreed" ]
write wrong.json invalid valid
if out=$("$runner" "$dir/wrong.json"); then echo "did not disagree"; exit 1; fi
grep -q 'tcId 1 (a, good): expected invalid, was accepted' <<<"$out"
grep -q 'tcId 2 (a, changed): expected valid, was refused' <<<"$out"
[ "$("$runner" --except=1,2 "$dir/wrong.json")" = "0 tests, 0 agreed, 0 disagreed" ]
echo '{"testGroups": [{}]}' >"$dir/other.json"
status=0
"$runner" "$dir/other.json" 2>/dev/null || status=$?
[ "$status" = 2 ]
