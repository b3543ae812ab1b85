// One file on its way in: looked at, hashed, skipped if it is there, sent otherwise.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "tools/stockroom/journal.h"
#include "tools/stockroom/program.h"
#include "tools/stockroom/progress.h"
#include "tools/stockroom/walk.h"

namespace stockroom::cli {

struct UploadOutcome {
  enum class Result {
    kStored,      // acknowledged now
    kPresent,     // acknowledged earlier, or the owner had these bytes
    kNotAnImage,  // found in a folder, and neither name nor bytes say that it is one
    kFailed,
    kStopped,  // interrupted
  };
  Result result = Result::kFailed;
  std::string path;
  int64_t bytes = 0;
  Digest sha256;
  std::string image_id;
  // Why kFailed.
  absl::Status error;
  // The server is away, full, or refuses this key: other files would fare no better.
  bool hopeless = false;
};

std::string_view ResultName(UploadOutcome::Result result);  // stored, present, …

// True if the name ends like that of an image.
bool LooksLikeImageName(std::string_view path);

// Thread-safe if client, journal and progress are.
class FileSender {
 public:
  FileSender(const Program& program, Client& client, Journal& journal, Progress& progress,
             const UploadArgs& args)
      : program_(program), client_(client), journal_(journal), progress_(progress), args_(args) {}

  UploadOutcome Send(const FoundFile& file);
  // Standard input, by way of a nameless file: it has to be read twice, and again for each try.
  UploadOutcome SendStdin();

 private:
  struct Opened {
    std::string name;  // as the user knows it
    int fd = -1;
    bool named = false;
    FileStamp stamp;
    bool journaled = true;
    std::string filename;

    ~Opened();
  };
  UploadOutcome SendOpened(Opened& opened);
  absl::StatusOr<bool> SkipNonImage(const Opened& opened) const;
  absl::StatusOr<Digest> HashOf(const Opened& opened) const;
  // True when the server still has what the journal remembers.
  absl::StatusOr<bool> StillThere(const SentFile& sent);
  absl::Status Transfer(const Opened& opened, const Digest& sha256, UploadOutcome& outcome);
  absl::StatusOr<v1::UploadImageResponse> TryOnce(const Opened& opened,
                                                  const v1::UploadHeader& header);
  // upload_direct.cc. `received`: what the file server had before.
  absl::StatusOr<v1::UploadImageResponse> TryDirect(const Opened& opened,
                                                    const v1::UploadHeader& header,
                                                    int64_t& received);
  absl::Status SendBytes(const Opened& opened, const v1::CreateUploadResponse& created);

  // A journal that fails costs time, never an upload: it is told once and the run goes on.
  void Remember(const absl::Status& status);
  std::optional<SentFile> Remembered(const absl::StatusOr<std::optional<SentFile>>& found);

  const Program& program_;
  Client& client_;
  Journal& journal_;
  Progress& progress_;
  const UploadArgs& args_;
  std::atomic<bool> journal_trouble_{false};
};

}  // namespace stockroom::cli
