// What --help says besides the options.
#pragma once

namespace stockroom::cli {

inline constexpr char kGlobalGroup[] = "Options of every command";

inline constexpr char kMainFooter[] = R"(
Settings come from flags, else the environment, else ~/.config/stockroom/config.yaml:
  STOCKROOM_ADDRESS   address:  127.0.0.1:50051     gRPC; a list for status
  STOCKROOM_GATEWAY   gateway:  http://127.0.0.1:8080
  STOCKROOM_TOKEN     api_key:                      API key or token, never a flag: others
                                                    could see it (also STOCKROOM_API_KEY)
                      token_file:                   the same in a file; --token-file
  STOCKROOM_TLS       tls:      false
  STOCKROOM_CA        ca:

Exit codes: 0 all went well; 1 something, or some of several, failed; 2 the command
line, the settings or the query can not be read; 3 no such image or file; 4 not
allowed; 5 the server is away or too busy; 6 no API key or token, or one that is not
accepted; 130 interrupted; 143 terminated.

First steps:
  stockroom status
  stockroom upload ~/Pictures
  stockroom search harbour
stockroom COMMAND --help has examples.)";

inline constexpr char kUploadExamples[] = R"(
Folders are taken with everything below them; in them, files that are no images are
passed over. What was sent before is not sent again: a journal remembers it, and the
server is asked whether it still has it. After Ctrl-C the same command goes on.

Examples:
  stockroom upload photo.jpg --title 'Harbour at dusk' --tag sea --tag boats
  stockroom upload ~/Pictures --visibility private -j 8
  stockroom upload 'scans/**/*.tif' --wait
  scanimage --format png | stockroom upload - --name page1.png
  stockroom upload --json ~/Pictures | jq -r 'select(.result == "failed").path')";

inline constexpr char kSearchExamples[] = R"(
Words match title, description, tags, file name and attributes by their beginning,
without regard to case or accents. Besides them:
  "two words"         next to each other
  tags:a,b            both tags
  date:24-12-2020     on that day; parts may be *, as in date:*-12-2020
  from:01-01-2020     on that day or later;  to:31-12-2020  or earlier
  desc:"in the snow"  the description holds that text
  format:jpeg         also license:"CC BY 4.0", orientation:portrait
  md5:9e107d9d...     the original has this MD5

Examples:
  stockroom search harbour tags:sea,boats
  stockroom search from:01-01-2020 --facets tag,license -n 1
  stockroom search 'date:*-12-2020' --all
  stockroom search --json tags:draft --all | jq -r .id | xargs stockroom delete --yes)";

inline constexpr char kSuggestExamples[] = R"(
What begins so among the words and tags of the images that you may find, the most
frequent first.

Examples:
  stockroom suggest har
  stockroom suggest -n 50)";

inline constexpr char kSimilarExamples[] = R"(
The most similar first, by their colours and coarse shapes. Distance 0 looks the same,
1 has nothing in common.

Examples:
  stockroom similar 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f
  stockroom similar 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --json | jq -r .image.id)";

inline constexpr char kKeysExamples[] = R"(
The secret of a new key is shown once, on standard output; the server keeps a hash.

Examples:
  stockroom keys create --subject scanner --role uploader --expires 90d > scanner.key
  stockroom keys list
  stockroom keys revoke 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f
  stockroom upload scans/ --token-file scanner.key)";

inline constexpr char kListExamples[] = R"(
On a terminal a table that fits it; elsewhere ID, STATE, DATE, PIXELS, BYTES, TITLE and
TAGS separated by tabs.

Examples:
  stockroom list -n 10
  stockroom list --all | cut -f1,6
  stockroom list --json --all | jq -r 'select(.state == "FAILED").failureReason')";

inline constexpr char kShowExamples[] = R"(
Examples:
  stockroom show 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f
  stockroom show --json 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f | jq .analysis.palette)";

inline constexpr char kGetExamples[] = R"(
Bytes come from the gateway. An original is verified by its SHA-256 before the file gets
its name; an interrupted one is continued by the same command.

Examples:
  stockroom get 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f
  stockroom get 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --preset thumb-320 -o thumbs/
  stockroom get 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f -o - | exiftool -)";

inline constexpr char kUpdateExamples[] = R"(
Examples:
  stockroom update 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --title 'Harbour at dawn'
  stockroom update 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --add-tag sea --remove-tag draft)";

inline constexpr char kDeleteExamples[] = R"(
Asks first on a terminal; elsewhere it wants --yes.

Examples:
  stockroom delete 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f
  stockroom search --json tags:draft --all | jq -r .id | xargs stockroom delete --yes)";

inline constexpr char kReprocessExamples[] = R"(
Queued behind uploads; until it is its turn an image stays as it is.

Examples:
  stockroom reprocess 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f
  stockroom reprocess --outdated)";

inline constexpr char kWatchExamples[] = R"(
Goes on where it stopped when the connection breaks. On a terminal TIME, EVENT and ID;
elsewhere POSITION, TIME, EVENT, ID and REVISION separated by tabs.

Examples:
  stockroom watch
  stockroom watch --type ready --json | jq -r .imageId
  stockroom watch --after 0 | tail -n 20)";

inline constexpr char kWebhooksExamples[] = R"(
Requests follow Standard Webhooks; docs/webhooks.md tells how to verify them.

Examples:
  stockroom webhooks create https://example.org/hook --type ready --tag sea
  stockroom webhooks test 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f
  stockroom webhooks deliveries 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --state dead
  stockroom webhooks replay 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --dead-for 24h)";

inline constexpr char kStatusExamples[] = R"(
Examples:
  stockroom status
  stockroom status --address api-1:50051,api-2:50051 --health 127.0.0.1:8090)";

inline constexpr char kCompletionExamples[] = R"(
To have it from now on:
  stockroom completion bash > ~/.local/share/bash-completion/completions/stockroom
  stockroom completion zsh  > ~/.zfunc/_stockroom     (a folder of $fpath)
  stockroom completion fish > ~/.config/fish/completions/stockroom.fish)";

}  // namespace stockroom::cli
