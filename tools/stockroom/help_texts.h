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
  stockroom upload --direct=tus huge.tif      (resumes, also after kill -9)
  scanimage --format png | stockroom upload - --name page1.png
  stockroom upload --json ~/Pictures | jq -r 'select(.result == "failed").path')";

inline constexpr char kUploadsExamples[] = R"(
Direct uploads (stockroom upload --direct) that are under way or ended not long ago.

Examples:
  stockroom uploads list
  stockroom uploads abort 0192f0c1-7c3e-7000-8000-000000000000)";

inline constexpr char kOriginalUrlExamples[] = R"(
Whoever has the URL can download the original until it expires.

Examples:
  stockroom original-url 0192f0c1-7c3e-7000-8000-000000000000 --expires 15m)";

inline constexpr char kSearchExamples[] = R"(
Words match title, description, tags, file name and attributes by their beginning,
without regard to case or accents. Besides them:
  "two words"         next to each other;  fox~1  with one letter wrong
  a OR b  NOT a  -a   and parentheses, everywhere
  tags:a,b            both tags;  title:fox  desc:"in the snow"  also in one field
  type:jpeg           also license: camera: lens: owner: dataset: state: color:teal
  orientation:square  landscape, portrait, panorama
  w>=3000             also h: mp: size<2mb, and ranges as in h:1000..2000
  taken:2024-01..2024-06    created>=2024  date:*-12-2020  from:  to:
  near:52.5,13.4,10km       within so far;  has:location  has:none(tags)
  similar:ID                looks like that image;  md5:9e107d9d...
docs/search.md has all of it.

Examples:
  stockroom search harbour tags:sea,boats
  stockroom search '(red OR blue) fox -zoo w>=3000' --order relevance --highlight
  stockroom search 'taken:2024' --facet tag --facet camera -n 1
  stockroom search harbuor --typos 1
  stockroom search --similar-to 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --collapse
  stockroom search tags:draft --ids --all | xargs stockroom delete --yes)";

inline constexpr char kSuggestExamples[] = R"(
What begins so among the words, tags and cameras of the images that you may find, the most
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

inline constexpr char kSignExamples[] = R"(
Prints each path with its signature; docs/recipes.md tells what is signed and how to do it
elsewhere. Works without a server.

Examples:
  stockroom sign --key-file signing.keys '/i/0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f/fit=640x0.webp'
  stockroom sign --key-file signing.keys --expires 1h "/i/$ID/cover=300x300/gravity=smart.jpg")";

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
  stockroom get 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --recipe cover=400x300/q=70.webp
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

inline constexpr char kModerationExamples[] = R"(
docs/moderation.md tells what hidden means and what an approval covers.
Examples:
  stockroom moderation list
  stockroom moderation approve 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --reason "a statue"
  stockroom moderation log 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f
  stockroom moderation hashes import agency.txt --label agency
  stockroom moderation hashes export > list.txt)";

inline constexpr char kWebhooksExamples[] = R"(
Requests follow Standard Webhooks; docs/webhooks.md tells how to verify them.

Examples:
  stockroom webhooks create https://example.org/hook --type ready --tag sea
  stockroom webhooks test 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f
  stockroom webhooks deliveries 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --state dead
  stockroom webhooks replay 0198c5a1-7b3e-7cc1-8d2f-3a5b6c7d8e9f --dead-for 24h)";

inline constexpr char kAdminExamples[] = R"(
What is asked concerns the api that answers (--address). verify-index ends with 1 if the
index differs from the database.

Examples:
  stockroom admin verify-index
  stockroom admin rebuild-index --address api-2:50051
  stockroom admin index --json | jq '.parts[] | select(.isFile | not) | .bytes')";

inline constexpr char kStoreExamples[] = R"(
They end with 1 if something is damaged or missing. The cluster goes on working meanwhile.

Examples:
  stockroom admin scrub
  stockroom admin scrub --now --rate 100000000
  stockroom admin fsck
  stockroom admin fsck --full --json | jq -r 'select(.type == "problem") | .imageId')";

inline constexpr char kBackupExamples[] = R"(
Backups of a folder share their originals: only those that it lacks are copied. Whatever
interrupts a backup, run it again. The folder holds private images and, with --settings, secrets.

Examples:
  stockroom admin backup /mnt/backup --keep 30
  stockroom admin verify-backup /mnt/backup
  stockroom admin restore /mnt/backup --address new-cluster:50051)";

inline constexpr char kCopyBlobsExamples[] = R"(
Talks to the file servers alone, which stay in use. Whatever interrupts it, run it again: what is
there is not sent again. It ends with 1 if anything could not be copied. Renditions are not copied;
they are made anew. docs/operations.md has the steps of a move.

Examples:
  stockroom admin copy-blobs --from old:50053 --to new:50053 --jobs 16
  stockroom admin copy-blobs --from old:50053 --to new:50053 --rate 50000000)";

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
