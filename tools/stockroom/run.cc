#include "tools/stockroom/run.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/base/digest.h"
#include "services/common/base/process.h"
#include "services/common/base/status.h"
#include "tools/stockroom/completion.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/stdin_spool.h"

namespace stockroom::cli {
namespace {

std::optional<std::string> Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

absl::StatusOr<PartialSettings> ReadConfigFile(const Invocation& invocation, Output& out) {
  const bool asked = !invocation.config_path.empty();
  const std::string path = asked ? invocation.config_path : DefaultConfigPath(Environment);
  if (path.empty()) return PartialSettings();
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) {
    if (!asked) return PartialSettings();
    return InvalidArgument("BAD_CONFIG", path + " can not be read");
  }
  SR_ASSIGN_OR_RETURN(PartialSettings settings, ParseConfigFile(text.str(), path));
  struct stat info {};
  if (settings.api_key && ::stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    out.Note(absl::StrCat("others can read the API key in ", path, "; chmod 600 it"));
  }
  return settings;
}

absl::StatusOr<Settings> ReadSettings(const Invocation& invocation, Output& out) {
  SR_ASSIGN_OR_RETURN(PartialSettings file, ReadConfigFile(invocation, out));
  PartialSettings environment = FromEnvironment(Environment);
  PartialSettings flags = invocation.settings;
  // Only the one that wins is read: standard input can be read once.
  for (PartialSettings* source : {&flags, &environment, &file}) {
    if (!source->token_file && !source->api_key) continue;
    SR_RETURN_IF_ERROR(ReadTokenFile(*source));
    break;
  }
  return Combine(file, environment, flags);
}

// Signals are taken by a thread of their own: the first stops what is under way, the second ends
// the program at once.
std::shared_ptr<Cancellation> TakeSignals(std::atomic<int>& taken) {
  auto stop = std::make_shared<Cancellation>();
  std::thread([stop, &taken] {
    taken.store(WaitForStopSignal());
    stop->Cancel();
  }).detach();
  return stop;
}

// Entries of different accounts on one server must not be taken for each other.
std::string ServerName(const Settings& settings) {
  if (settings.api_key.empty()) return settings.address();
  return settings.address() + "#" + Digest::Of(settings.api_key).hex().substr(0, 8);
}

std::unique_ptr<Journal> ChooseJournal(const Invocation& invocation, const Settings& settings,
                                       Output& out) {
  if (invocation.no_journal) return NoJournal();
  const bool asked = !invocation.journal_path.empty();
  const std::string path = asked ? invocation.journal_path : DefaultJournalPath(Environment);
  if (path.empty()) return NoJournal();
  absl::StatusOr<std::unique_ptr<Journal>> journal = OpenJournal(path, ServerName(settings));
  if (journal.ok()) return *std::move(journal);
  // A journal that was asked for is wanted; without the default one work goes on.
  out.Error(
      absl::StrCat(std::string(journal.status().message()), asked ? "" : "; going on without it"));
  return asked ? nullptr : NoJournal();
}

int RunUploadWithJournal(const Program& program, Client& client, const Invocation& invocation) {
  const std::unique_ptr<Journal> journal = ChooseJournal(invocation, program.settings, program.out);
  if (!journal) return kExitFailed;
  return RunUpload(program, client, *journal, invocation.upload);
}

int RunWithClient(const Program& program, const Invocation& invocation) {
  const int connections = invocation.command == "upload" ? std::min(invocation.upload.jobs, 4) : 1;
  const absl::StatusOr<std::unique_ptr<Client>> client =
      ConnectGrpc(program.settings, program.settings.address(), connections, program.stop);
  if (!client.ok()) return program.Fail(client.status());
  Client& c = **client;
  const std::string& command = invocation.command;
  if (command == "upload") return RunUploadWithJournal(program, c, invocation);
  if (command == "uploads") return RunUploads(program, c, invocation.uploads);
  if (command == "original-url") return RunOriginalUrl(program, c, invocation.original_url);
  if (command == "list") return RunList(program, c, invocation.list);
  if (command == "search") return RunSearch(program, c, invocation.search);
  if (command == "suggest") return RunSuggest(program, c, invocation.suggest);
  if (command == "similar") return RunSimilar(program, c, invocation.similar);
  if (command == "keys") return RunKeys(program, c, invocation.keys);
  if (command == "whoami") return RunWhoAmI(program, c);
  if (command == "show") return RunShow(program, c, invocation.show);
  if (command == "get") return RunGet(program, c, invocation.get);
  if (command == "info") return RunInfo(program, c, invocation.info);
  if (command == "update") return RunUpdate(program, c, invocation.update);
  if (command == "delete") return RunDelete(program, c, invocation.remove);
  if (command == "reprocess") return RunReprocess(program, c, invocation.reprocess);
  if (command == "watch") return RunWatch(program, c, invocation.watch);
  if (command == "webhooks") return RunWebhooks(program, c, invocation.webhooks);
  if (command == "moderation") return RunModeration(program, c, invocation.moderation);
  if (command == "admin") return RunAdmin(program, c, invocation.admin);
  return RunPing(program, c, invocation.ping);
}

int RunStoreCommand(const Program& program, const StoreArgs& args) {
  if (args.action == "verify-backup") return RunVerifyBackup(program, args);
  const absl::StatusOr<std::unique_ptr<StoreClient>> store =
      ConnectStore(program.settings, program.settings.address(), program.stop);
  if (!store.ok()) return program.Fail(store.status());
  if (args.action == "scrub" || args.action == "fsck") return RunStore(program, **store, args);
  return RunBackup(program, **store, args);
}

int RunCommand(const Program& program, const Invocation& invocation) {
  if (invocation.command == "status") {
    const Connect connect = [&](const std::string& address) {
      return ConnectGrpc(program.settings, address, 1, program.stop);
    };
    return RunStatus(program, connect, invocation.status);
  }
  if (invocation.command == "admin" && !invocation.copy_blobs.from.empty()) {
    return RunCopyBlobs(program, invocation.copy_blobs);
  }
  if (invocation.command == "admin" && !invocation.store.action.empty()) {
    return RunStoreCommand(program, invocation.store);
  }
  return RunWithClient(program, invocation);
}

// What needs neither settings nor server.
std::optional<int> RunAlone(const Invocation& invocation, Output& out) {
  if (invocation.command == "version") {
    if (out.json()) {
      out.Json({{"type", "version"}, {"version", STOCKROOM_VERSION}});
    } else {
      out.Line("stockroom " STOCKROOM_VERSION);
    }
    return kExitOk;
  }
  if (invocation.command == "completion") {
    out.Raw(CompletionScript(DescribeCommandLine(), invocation.shell));
    return kExitOk;
  }
  if (invocation.command == "sign") return RunSign(out, invocation.sign, absl::Now());
  return std::nullopt;
}

}  // namespace

int Program::Fail(const absl::Status& status) const {
  const std::string text = Explain(status, settings.address());
  if (out.json()) {
    out.Json({{"type", "error"},
              {"code", absl::StatusCodeToString(status.code())},
              {"reason", DetailsOf(status).reason},
              {"message", text}});
  }
  if (!stop->cancelled()) out.Error(text);
  return ExitCodeOf(status);
}

int Program::Ended() const {
  if (out.error().ok()) return kExitOk;
  out.Error(std::string(out.error().message()));
  return kExitFailed;
}

int Run(const Invocation& invocation) {
  PrepareSignals();
  SkipSearchForLockCycles();
  OutputOptions options = DetectOutput();
  options.json = invocation.json;
  options.quiet = invocation.quiet;
  options.verbose = invocation.verbose;
  options.colour = options.colour && !invocation.no_color && !invocation.json;
  Output out(options, FdSink(STDOUT_FILENO), FdSink(STDERR_FILENO));
  if (const std::optional<int> code = RunAlone(invocation, out)) return *code;

  const absl::StatusOr<Settings> settings = ReadSettings(invocation, out);
  if (!settings.ok()) {
    out.Error(std::string(settings.status().message()));
    return kExitUsage;
  }
  // Outlives the thread that waits for signals, which nothing joins.
  static std::atomic<int> taken{0};
  const std::shared_ptr<Cancellation> stop = TakeSignals(taken);
  const std::unique_ptr<HttpClient> http = MakeHttpClient(*settings, stop);
  Program program{.settings = *settings, .out = out, .http = *http, .stop = stop, .confirm = {}};
  if (::isatty(STDIN_FILENO) == 1 && options.err_is_terminal) {
    program.confirm = [&](const std::string& question) {
      FdSink(STDERR_FILENO)(question).IgnoreError();
      const std::string answer = ReadLine(*stop);
      return answer == "y" || answer == "Y" || answer == "yes";
    };
  }
  const int code = RunCommand(program, invocation);
  if (taken.load() != 0) return 128 + taken.load();
  return code;
}

}  // namespace stockroom::cli
