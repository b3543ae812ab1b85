// What every command is given, and the arguments of each. Commands return an exit code
// (exit_codes.h); they print through Output and nowhere else.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/common/base/cancellation.h"
#include "tools/stockroom/client.h"
#include "tools/stockroom/http_client.h"
#include "tools/stockroom/journal.h"
#include "tools/stockroom/output.h"
#include "tools/stockroom/settings.h"
#include "tools/stockroom/store_client.h"

namespace stockroom::cli {

struct Program {
  const Settings& settings;
  Output& out;
  HttpClient& http;
  // Fires at SIGINT and SIGTERM.
  std::shared_ptr<Cancellation> stop;
  // Asks a yes-or-no question; unset when there is nobody to ask.
  std::function<bool(const std::string& question)> confirm;

  // Prints why, with what to do, as JSON too if that is wanted; returns the exit code.
  int Fail(const absl::Status& status) const;
  // The exit code of what only printed: standard output may have broken. A reader that went away is
  // no failure, a full disk is.
  int Ended() const;
};

// What a page of results may hold, when `shown` of `limit` (0: all) are there.
int32_t PageSize(int64_t limit, int64_t shown);

struct UploadArgs {
  std::vector<std::string> names;
  v1::UploadHeader header;  // what all of them have in common
  std::string stdin_name;   // file name for "-"
  int jobs = 4;
  bool follow_links = false;
  bool hidden = false;
  // Send what does not look like an image, too.
  bool all = false;
  // Do not ask the server whether it still has what the journal says was sent.
  bool trust_journal = false;
  // Straight to the file server: "tus" (goes on where it was cut), "put" or "" (through the api).
  std::string direct;
  // How long one file is tried while the server is away or busy.
  absl::Duration retry_for = absl::Minutes(1);
};
int RunUpload(const Program& program, Client& client, Journal& journal, const UploadArgs& args);

struct UploadsArgs {
  std::string action;            // list, abort
  std::vector<std::string> ids;  // abort
};
int RunUploads(const Program& program, Client& client, const UploadsArgs& args);

struct OriginalUrlArgs {
  std::string id;
  absl::Duration lifetime;  // zero: the server's usual one
};
int RunOriginalUrl(const Program& program, Client& client, const OriginalUrlArgs& args);

struct ListArgs {
  int64_t limit = 50;  // 0: all
};
int RunList(const Program& program, Client& client, const ListArgs& args);

struct SearchArgs {
  std::string query;
  int64_t limit = 50;  // 0: all
  int64_t at_least_position = 0;
  std::vector<std::string> facets;
  v1::SearchOrder order = v1::SEARCH_ORDER_UNSPECIFIED;
  std::optional<uint64_t> seed;  // unset: any, which is told
  std::string similar_to;
  bool exact_total = false;
  bool collapse = false;
  bool highlight = false;
  bool explain = false;
  bool ids_only = false;
  int typos = 0;
  std::string stemming;
};
int RunSearch(const Program& program, Client& client, const SearchArgs& args);

struct SuggestArgs {
  std::string prefix;
  int limit = 10;
};
int RunSuggest(const Program& program, Client& client, const SuggestArgs& args);

struct SimilarArgs {
  std::string id;
  int limit = 20;
};
int RunSimilar(const Program& program, Client& client, const SimilarArgs& args);

struct ShowArgs {
  std::vector<std::string> ids;
};
int RunShow(const Program& program, Client& client, const ShowArgs& args);

struct GetArgs {
  std::string id;
  std::string preset;  // "" for the original, unless `recipe` says what to make of it
  std::string recipe;
  std::string output;  // "" for the image's own file name, "-" for standard output
  bool force = false;
};
int RunGet(const Program& program, Client& client, const GetArgs& args);

struct InfoArgs {
  std::string id;
};
int RunInfo(const Program& program, Client& client, const InfoArgs& args);

struct UpdateArgs {
  std::string id;
  std::optional<std::string> title;
  std::optional<std::string> description;
  std::optional<std::string> license;
  std::optional<v1::Visibility> visibility;
  std::vector<std::string> add_tags;
  std::vector<std::string> remove_tags;
  std::map<std::string, std::string> set_attributes;
  std::vector<std::string> remove_attributes;
};
int RunUpdate(const Program& program, Client& client, const UpdateArgs& args);

struct DeleteArgs {
  std::vector<std::string> ids;
  bool yes = false;
};
int RunDelete(const Program& program, Client& client, const DeleteArgs& args);

struct ReprocessArgs {
  std::vector<std::string> ids;
  std::string query;
  bool outdated = false;
  bool all = false;
};
int RunReprocess(const Program& program, Client& client, const ReprocessArgs& args);

struct KeysArgs {
  std::string action;            // list, create, revoke
  std::vector<std::string> ids;  // revoke
  std::string subject;
  std::string role;  // "" for the server's usual one
  std::vector<std::string> scopes;
  std::string label;
  std::optional<absl::Duration> lifetime;
  bool yes = false;
};
int RunKeys(const Program& program, Client& client, const KeysArgs& args);
int RunWhoAmI(const Program& program, Client& client);

struct SignArgs {
  std::string key_file;
  std::vector<std::string> paths;          // "/i/…"
  std::optional<absl::Duration> lifetime;  // unset: for ever
};
// Needs neither settings nor server.
int RunSign(Output& out, const SignArgs& args, absl::Time now);

struct WatchArgs {
  std::vector<std::string> types;  // "ready"; empty: all
  std::string image_id;            // "": all
  std::optional<int64_t> after;    // unset: from now
  int64_t count = 0;               // ends after so many events; 0: never
};
int RunWatch(const Program& program, Client& client, const WatchArgs& args);

struct WebhooksArgs {
  std::string action;  // "list", "create", "delete", "test", "deliveries", "replay"
  std::string id;
  // create
  std::string url;
  std::vector<std::string> types;  // "ready"; empty: all
  std::vector<std::string> tags;
  std::string owner;
  std::string label;
  // deliveries
  v1::DeliveryState state = v1::DELIVERY_STATE_UNSPECIFIED;  // all
  int64_t limit = 50;                                        // 0: all
  // replay
  std::string delivery;
  std::optional<absl::Duration> dead_for;
};
int RunWebhooks(const Program& program, Client& client, const WebhooksArgs& args);

struct ModerationArgs {
  // "list", "approve", "reject", "reopen", "log", "hashes add", "hashes remove", "hashes import",
  // "hashes export"
  std::string action;
  std::string id;
  std::string reason;
  bool rejected = false;  // list
  int64_t limit = 50;     // list, log; 0: all
  // hashes
  std::vector<std::string> hashes;
  std::optional<int> threshold;
  std::string label;
  std::string note;
  std::string file;  // import; "-": standard input
};
int RunModeration(const Program& program, Client& client, const ModerationArgs& args);

struct AdminArgs {
  std::string action;  // "verify-index", "rebuild-index", "index"
};
// kExitFailed if the index differs from the database.
int RunAdmin(const Program& program, Client& client, const AdminArgs& args);

struct StoreArgs {
  // "scrub", "fsck", "backup", "verify-backup", "restore"; empty: none of these
  std::string action;
  // scrub
  bool now = false;
  int64_t bytes_per_second = 0;  // 0: as the file server is configured
  // fsck
  bool full = false;
  // backup, verify-backup, restore
  std::string folder;
  // backup
  int keep = 0;  // snapshots; 0: all
  bool settings = false;
  // restore
  std::string snapshot;  // empty: the newest
  bool merge = false;
};
// kExitFailed if something is damaged or missing.
int RunStore(const Program& program, StoreClient& client, const StoreArgs& args);
int RunBackup(const Program& program, StoreClient& client, const StoreArgs& args);
// Asks no server.
int RunVerifyBackup(const Program& program, const StoreArgs& args);

struct CopyBlobsArgs {
  // gRPC addresses of file servers. Set: this is what was asked for.
  std::string from;
  std::string to;
  int jobs = 4;
  int64_t bytes_per_second = 0;  // 0: no limit
  absl::Duration touch_newer = absl::Hours(48);
  // How long one call is tried while a server is away or busy.
  absl::Duration patience = absl::Minutes(2);
  // Of mutual TLS between the processes; empty: plain.
  std::string certificate;
  std::string key;
  std::string ca;
};
// Talks to file servers only. kExitFailed if anything was not copied.
int RunCopyBlobs(const Program& program, const CopyBlobsArgs& args);

struct StatusArgs {
  // Base URLs of other processes' health: file server, workers.
  std::vector<std::string> health_urls;
};
using Connect = std::function<absl::StatusOr<std::unique_ptr<Client>>(const std::string& address)>;
int RunStatus(const Program& program, const Connect& connect, const StatusArgs& args);

struct PingArgs {
  int count = 3;
};
int RunPing(const Program& program, Client& client, const PingArgs& args);

}  // namespace stockroom::cli
