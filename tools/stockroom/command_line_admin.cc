#include "tools/stockroom/command_line_parts.h"
#include "tools/stockroom/help_texts.h"

namespace stockroom::cli {

namespace {

CLI::App& AddStoreAction(CLI::App& app, Invocation& to, const char* name, const char* help) {
  CLI::App& action = *app.add_subcommand(name, help);
  action.footer(kStoreExamples);
  action.parse_complete_callback([&to, name] { to.store.action = name; });
  return action;
}

CLI::App& AddFolderAction(CLI::App& app, Invocation& to, const char* name, const char* help) {
  CLI::App& action = *app.add_subcommand(name, help);
  action.footer(kBackupExamples);
  action.parse_complete_callback([&to, name] { to.store.action = name; });
  Text(action, "folder", "folder of backups", "DIR", [&to](const std::string& value) {
    to.store.folder = value;
  })->required();
  return action;
}

void AddBackup(CLI::App& app, Invocation& to) {
  CLI::App& backup = AddFolderAction(app, to, "backup",
                                     "Images and their originals into a folder, as they are now");
  backup.add_option("--keep", to.store.keep, "delete all but so many backups there")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  backup.add_flag("--settings", to.store.settings,
                  "API keys (as hashes) and webhooks with their secrets, too");
  AddFolderAction(app, to, "verify-backup", "Can every backup there be restored? Asks no server");
  CLI::App& restore = AddFolderAction(app, to, "restore", "Put a backup into an empty cluster");
  Text(restore, "--backup", "which one (the newest)", "TIME",
       [&to](const std::string& value) { to.store.snapshot = value; });
  restore.add_flag("--merge", to.store.merge,
                   "add to what is there; also goes on with an interrupted restore");
}

void AddCopyBlobs(CLI::App& app, Invocation& to) {
  CLI::App& copy =
      *app.add_subcommand("copy-blobs", "Every original of one file server to another, verified");
  copy.footer(kCopyBlobsExamples);
  const auto text = [&](const char* name, const char* help, const char* placeholder,
                        std::string CopyBlobsArgs::*member) {
    return Text(copy, name, help, placeholder,
                [&to, member](const std::string& value) { to.copy_blobs.*member = value; });
  };
  const auto duration = [&](const char* name, const char* help,
                            absl::Duration CopyBlobsArgs::*member) {
    Text(copy, name, help, "DURATION", [&to, member](const std::string& value) {
      absl::ParseDuration(value, &(to.copy_blobs.*member));
    })->check(DurationText());
  };
  text("--from", "gRPC address of the file server that has them", "HOST:PORT", &CopyBlobsArgs::from)
      ->required();
  text("--to", "gRPC address of the one that gets them", "HOST:PORT", &CopyBlobsArgs::to)
      ->required();
  copy.add_option("-j,--jobs", to.copy_blobs.jobs, "copies at once (4)")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  copy.add_option("--rate", to.copy_blobs.bytes_per_second, "bytes a second at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->type_name("BYTES");
  duration("--touch-newer",
           "touch what is there already and was touched at the source so recently (48h): longer "
           "than the collector's grace period",
           &CopyBlobsArgs::touch_newer);
  duration("--retry-for", "try one call so long while a server is away (2m)",
           &CopyBlobsArgs::patience);
  text("--peer-cert", "with mutual TLS between the processes: certificate to show", "FILE",
       &CopyBlobsArgs::certificate);
  text("--peer-key", "its key", "FILE", &CopyBlobsArgs::key);
  text("--peer-ca", "authorities that the file servers' certificates must be from", "FILE",
       &CopyBlobsArgs::ca);
}

void AddStore(CLI::App& app, Invocation& to) {
  CLI::App& scrub = AddStoreAction(app, to, "scrub",
                                   "How far the file server's check of all its sums is, and what "
                                   "it found");
  scrub.add_flag("--now", to.store.now, "begin a pass now");
  scrub.add_option("--rate", to.store.bytes_per_second, "with --now: bytes a second at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->type_name("BYTES");
  scrub
      .add_flag_callback(
          "--status", [&to] { to.store.now = false; }, "only show (the usual)")
      ->excludes("--now");
  CLI::App& fsck = AddStoreAction(app, to, "fsck",
                                  "Does every image have its original, and the other way round?");
  fsck.add_flag("--full", to.store.full, "read every original, too; takes long");
  AddBackup(app, to);
  AddCopyBlobs(app, to);
}

}  // namespace

void AddAdmin(CLI::App& root, Invocation& to) {
  CLI::App& app =
      *root.add_subcommand("admin", "Care of the cluster: its search index and what it stores");
  app.footer(kAdminExamples);
  app.require_subcommand(1);
  app.fallthrough();
  const auto add = [&](const char* name, const char* help) {
    CLI::App& action = *app.add_subcommand(name, help);
    action.footer(kAdminExamples);
    action.parse_complete_callback([&to, name] { to.admin.action = name; });
  };
  add("verify-index", "Compare the search index with the database");
  add("rebuild-index", "Build the search index anew from the database");
  add("index", "What the search index takes, by part");
  AddStore(app, to);
}

}  // namespace stockroom::cli
