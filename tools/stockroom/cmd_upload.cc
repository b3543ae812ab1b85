#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "services/common/base/status.h"
#include "tools/stockroom/exit_codes.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/text.h"
#include "tools/stockroom/upload_file.h"

namespace stockroom::cli {
namespace {

using Result = UploadOutcome::Result;

// Files that were found and not begun: enough to keep the senders busy, whatever the folder holds.
constexpr size_t kMaxWaiting = 256;

class FileQueue {
 public:
  // Waits for room. False once it is closed.
  bool Push(FoundFile file) {
    MutexLock lock(mu_);
    while (!closed_ && files_.size() >= kMaxWaiting) changed_.Wait(mu_);
    if (closed_) return false;
    files_.push_back(std::move(file));
    changed_.NotifyAll();
    return true;
  }
  // False once it is ended and empty, or closed.
  bool Pop(FoundFile& file) {
    MutexLock lock(mu_);
    while (!closed_ && !ended_ && files_.empty()) changed_.Wait(mu_);
    if (closed_ || files_.empty()) return false;
    file = std::move(files_.front());
    files_.pop_front();
    changed_.NotifyAll();
    return true;
  }
  void End() {
    MutexLock lock(mu_);
    ended_ = true;
    changed_.NotifyAll();
  }
  // Forgets what waits.
  void Close() {
    MutexLock lock(mu_);
    closed_ = true;
    changed_.NotifyAll();
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::deque<FoundFile> files_ SR_GUARDED_BY(mu_);
  bool ended_ SR_GUARDED_BY(mu_) = false;
  bool closed_ SR_GUARDED_BY(mu_) = false;
};

// Refused bytes are no mistake on the command line.
ExitCode CodeFor(const absl::Status& error) {
  return absl::IsInvalidArgument(error) ? kExitFailed : ExitCodeOf(error);
}

class UploadRun {
 public:
  UploadRun(const Program& program, Client& client, Journal& journal, const UploadArgs& args)
      : program_(program),
        out_(program.out),
        args_(args),
        draws_(out_.options().err_is_terminal && !out_.json() && !out_.options().quiet),
        progress_(out_, draws_),
        sender_(program, client, journal, progress_, args) {}

  int Run() {
    const auto stop = program_.stop->OnCancel([this] { queue_.Close(); });
    const absl::Time begin = absl::Now();
    std::thread counter;
    if (draws_) counter = std::thread([this] { CountAll(); });
    std::vector<std::thread> senders;
    for (int i = 0; i < args_.jobs; ++i) senders.emplace_back([this] { SendFromQueue(); });
    FindFiles();
    queue_.End();
    for (std::thread& sender : senders) sender.join();
    counting_.store(false);
    if (counter.joinable()) counter.join();
    return Summarise(absl::Now() - begin);
  }

 private:
  WalkOptions Options() const {
    return {.follow_links = args_.follow_links, .hidden = args_.hidden};
  }

  void FindFiles() {
    for (const std::string& name : args_.names) {
      if (name == "-") {
        Record(sender_.SendStdin(), 0);
        continue;
      }
      Walk(
          {name}, Options(), [&](const FoundFile& file) { return queue_.Push(file); },
          [&](const std::string& path, const absl::Status& status) {
            UploadOutcome outcome;
            outcome.path = path;
            outcome.error = status;
            Record(outcome, 0);
            return !program_.stop->cancelled();
          });
    }
  }

  // The same walk a second time, ahead of the senders, only for the bar.
  void CountAll() {
    int64_t files = 0;
    int64_t bytes = 0;
    std::vector<std::string> names;
    for (const std::string& name : args_.names) {
      name == "-" ? void(++files) : names.push_back(name);
    }
    Walk(
        names, Options(),
        [&](const FoundFile& file) {
          bytes += file.size;
          if (++files % 64 == 0) progress_.SetTotal(files, bytes, false);
          return counting_.load() && !program_.stop->cancelled();
        },
        [&](const std::string&, const absl::Status&) {
          ++files;
          return true;
        });
    progress_.SetTotal(files, bytes, true);
  }

  void SendFromQueue() {
    FoundFile file;
    while (queue_.Pop(file)) Record(sender_.Send(file), file.size);
  }

  void Record(const UploadOutcome& outcome, int64_t size) {
    if (outcome.result == Result::kStopped) return;
    progress_.FileDone(outcome.result == Result::kFailed, size);
    {
      MutexLock lock(mu_);
      ++counts_[outcome.result];
      ++codes_[outcome.result == Result::kFailed ? CodeFor(outcome.error) : kExitOk];
      if (outcome.result == Result::kStored) stored_bytes_ += outcome.bytes;
      // Of many senders that meet the same wall one tells it.
      if (outcome.hopeless && !gave_up_.ok()) return;
      if (outcome.hopeless) gave_up_ = outcome.error;
    }
    Print(outcome);
    if (outcome.hopeless) queue_.Close();
  }

  void Print(const UploadOutcome& outcome) {
    if (out_.json()) return PrintJson(outcome);
    const std::string path = OneLine(outcome.path);
    switch (outcome.result) {
      case Result::kStored:
        if (!out_.options().quiet) {
          out_.Line(
              absl::StrCat(out_.Paint(Style::kGood, "stored   "), outcome.image_id, "  ", path));
        }
        return;
      case Result::kPresent:
        if (out_.options().verbose) {
          out_.Line(
              absl::StrCat(out_.Paint(Style::kDim, "present  "), outcome.image_id, "  ", path));
        }
        return;
      case Result::kNotAnImage:
        if (out_.options().verbose) out_.Line(out_.Paint(Style::kDim, "no image ") + path);
        return;
      case Result::kFailed:
        return out_.Error(
            absl::StrCat(outcome.path, ": ", Explain(outcome.error, program_.settings.address())));
      case Result::kStopped:
        return;
    }
  }

  void PrintJson(const UploadOutcome& outcome) {
    nlohmann::ordered_json line = {{"type", "file"},
                                   {"path", outcome.path},
                                   {"result", ResultName(outcome.result)},
                                   {"bytes", outcome.bytes}};
    if (!outcome.image_id.empty()) line["id"] = outcome.image_id;
    if (outcome.sha256 != Digest()) line["sha256"] = outcome.sha256.hex();
    if (!outcome.error.ok()) {
      line["reason"] = DetailsOf(outcome.error).reason;
      line["error"] = Explain(outcome.error, program_.settings.address());
    }
    out_.Json(line);
  }

  int Summarise(absl::Duration took) {
    MutexLock lock(mu_);
    const bool stopped = program_.stop->cancelled();
    if (out_.json()) {
      nlohmann::ordered_json line = {{"type", "summary"}};
      for (Result r : {Result::kStored, Result::kPresent, Result::kNotAnImage, Result::kFailed}) {
        line[std::string(ResultName(r))] = counts_[r];
      }
      line["stored_bytes"] = stored_bytes_;
      line["seconds"] = absl::ToDoubleSeconds(took);
      line["complete"] = !stopped && gave_up_.ok();
      out_.Json(line);
    } else {
      out_.SetBar("");
      out_.Note(Sentence(took, stopped));
    }
    if (stopped) return kExitInterrupted;
    if (!gave_up_.ok()) return CodeFor(gave_up_);
    if (codes_.empty()) return kExitOk;
    return codes_.size() == 1 ? codes_.begin()->first : kExitFailed;
  }

  std::string Sentence(absl::Duration took, bool stopped) SR_REQUIRES(mu_) {
    std::vector<std::string> parts;
    const auto add = [&](Result result, std::string_view what) {
      if (counts_[result] > 0) {
        parts.push_back(absl::StrCat(HumanCount(counts_[result]), " ", std::string(what)));
      }
    };
    add(Result::kStored, "stored");
    if (stored_bytes_ > 0) {
      absl::StrAppend(&parts.back(), " (", HumanBytes(stored_bytes_), ")");
    }
    add(Result::kPresent, "there already");
    add(Result::kNotAnImage, "passed over (no images)");
    add(Result::kFailed, "failed");
    if (parts.empty()) parts.emplace_back(stopped ? "nothing stored" : "no files found");
    std::string text = absl::StrCat(absl::StrJoin(parts, ", "), " in ", HumanDuration(took));
    const double seconds = absl::ToDoubleSeconds(took);
    if (stored_bytes_ > 0 && seconds > 0.05) {
      absl::StrAppend(
          &text, ", ",
          HumanBytes(static_cast<int64_t>(static_cast<double>(stored_bytes_) / seconds)), "/s");
    }
    if (stopped || !gave_up_.ok()) {
      absl::StrAppend(&text, stopped ? "; interrupted" : "; gave up",
                      ": the same command again goes on from here");
    }
    return text;
  }

  const Program& program_;
  Output& out_;
  const UploadArgs& args_;
  const bool draws_;
  Progress progress_;
  FileSender sender_;
  FileQueue queue_;
  std::atomic<bool> counting_{true};
  Mutex mu_;
  std::map<Result, int64_t> counts_ SR_GUARDED_BY(mu_);
  std::map<ExitCode, int64_t> codes_ SR_GUARDED_BY(mu_);
  int64_t stored_bytes_ SR_GUARDED_BY(mu_) = 0;
  absl::Status gave_up_ SR_GUARDED_BY(mu_);
};

}  // namespace

int RunUpload(const Program& program, Client& client, Journal& journal, const UploadArgs& args) {
  return UploadRun(program, client, journal, args).Run();
}

}  // namespace stockroom::cli
