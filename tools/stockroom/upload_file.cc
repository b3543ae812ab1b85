#include "tools/stockroom/upload_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/media/sniff.h"
#include "tools/stockroom/retry.h"
#include "tools/stockroom/stdin_spool.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

constexpr size_t kChunk = 256 << 10;
constexpr absl::Duration kLongestUpload = absl::Minutes(10);  // the server's own limit
constexpr int kWaitMs = 300'000;                              // likewise

FileStamp StampOf(const std::string& path, const struct stat& info) {
  std::error_code ignored;
  return {.path = std::filesystem::absolute(path, ignored).lexically_normal().string(),
          .size = info.st_size,
          .mtime_ns = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec};
}

absl::StatusOr<std::string> ReadAt(int fd, off_t at, size_t size) {
  std::string bytes(size, '\0');
  while (true) {
    const ssize_t n = ::pread(fd, bytes.data(), size, at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "reading it");
    bytes.resize(static_cast<size_t>(n));
    return bytes;
  }
}

absl::Status CanNotOpen(int error) {
  if (error == ENOENT) return NotFound("NO_SUCH_FILE", "no such file");
  if (error == EACCES) return absl::PermissionDeniedError("not allowed to read it");
  return ErrnoStatus(error, "opening it");
}

absl::Status Unprocessable(const v1::Image& image) {
  return MakeStatus(absl::StatusCode::kInvalidArgument,
                    "the image can not be processed: " + image.failure_reason(),
                    {.reason = "BAD_IMAGE", .metadata = {{"image_id", image.id()}}});
}

bool IsHopeless(const absl::Status& status) {
  return IsWorthRetrying(status) || absl::IsUnauthenticated(status) ||
         absl::IsPermissionDenied(status) || absl::IsUnimplemented(status) ||
         DetailsOf(status).reason == "NO_SPACE";
}

}  // namespace

FileSender::Opened::~Opened() {
  if (fd >= 0) ::close(fd);
}

std::string_view ResultName(UploadOutcome::Result result) {
  switch (result) {
    case UploadOutcome::Result::kStored:
      return "stored";
    case UploadOutcome::Result::kPresent:
      return "present";
    case UploadOutcome::Result::kNotAnImage:
      return "not_an_image";
    case UploadOutcome::Result::kFailed:
      return "failed";
    case UploadOutcome::Result::kStopped:
      return "stopped";
  }
  return "";
}

bool LooksLikeImageName(std::string_view path) {
  static constexpr std::array<std::string_view, 10> kEndings = {
      "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "tif", "tiff", "avif"};
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string ending(path.substr(dot + 1));
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

UploadOutcome FileSender::Send(const FoundFile& file) {
  Opened opened;
  opened.name = file.path;
  opened.named = file.named;
  opened.filename = ToUtf8(std::filesystem::path(file.path).filename().string());
  UploadOutcome outcome;
  outcome.path = file.path;
  outcome.bytes = file.size;
  // What was a file when it was found may be a pipe by now.
  opened.fd = ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (opened.fd < 0 || ::fstat(opened.fd, &info) != 0) {
    outcome.error = CanNotOpen(errno);
    return outcome;
  }
  if (!S_ISREG(info.st_mode)) {
    outcome.error = absl::InvalidArgumentError("is not a file any more");
    return outcome;
  }
  opened.stamp = StampOf(file.path, info);
  return SendOpened(opened);
}

UploadOutcome FileSender::SendStdin() {
  Opened opened;
  opened.name = "-";
  opened.named = true;
  opened.journaled = false;
  opened.filename = args_.stdin_name;
  const absl::StatusOr<int> spool = SpoolStdin(*program_.stop);
  if (!spool.ok()) {
    UploadOutcome outcome;
    outcome.path = "-";
    outcome.error = spool.status();
    if (absl::IsCancelled(spool.status())) outcome.result = UploadOutcome::Result::kStopped;
    return outcome;
  }
  opened.fd = *spool;
  opened.stamp.size = ::lseek(*spool, 0, SEEK_END);
  return SendOpened(opened);
}

UploadOutcome FileSender::SendOpened(Opened& opened) {
  UploadOutcome outcome;
  outcome.path = opened.name;
  outcome.bytes = opened.stamp.size;
  const auto present = [&](const SentFile& sent) {
    outcome.result = UploadOutcome::Result::kPresent;
    outcome.sha256 = sent.sha256;
    outcome.image_id = sent.image_id;
    return absl::OkStatus();
  };
  const auto is_there = [&](const std::optional<SentFile>& sent) -> absl::StatusOr<bool> {
    if (!sent) return false;
    absl::StatusOr<bool> there = StillThere(*sent);
    outcome.hopeless = IsHopeless(there.status());
    return there;
  };
  const auto work = [&]() -> absl::Status {
    if (opened.journaled) {
      const std::optional<SentFile> sent = Remembered(journal_.FindFile(opened.stamp));
      SR_ASSIGN_OR_RETURN(const bool there, is_there(sent));
      if (there) return present(*sent);
    }
    SR_ASSIGN_OR_RETURN(const bool skip, SkipNonImage(opened));
    if (skip) {
      outcome.result = UploadOutcome::Result::kNotAnImage;
      return absl::OkStatus();
    }
    SR_ASSIGN_OR_RETURN(outcome.sha256, HashOf(opened));
    const std::optional<SentFile> sent = Remembered(journal_.FindDigest(outcome.sha256));
    SR_ASSIGN_OR_RETURN(const bool there, is_there(sent));
    if (there) {
      if (opened.journaled) Remember(journal_.Record(opened.stamp, *sent));
      return present(*sent);
    }
    return Transfer(opened, outcome.sha256, outcome);
  };
  outcome.error = work();
  if (!outcome.error.ok()) outcome.result = UploadOutcome::Result::kFailed;
  if (program_.stop->cancelled() && !outcome.error.ok()) {
    outcome.result = UploadOutcome::Result::kStopped;
  }
  return outcome;
}

// The server looks at the same bytes and would refuse them; asking it would only cost time.
absl::StatusOr<bool> FileSender::SkipNonImage(const Opened& opened) const {
  if (args_.all) return false;
  const bool expected = opened.named || LooksLikeImageName(opened.name);
  SR_ASSIGN_OR_RETURN(const std::string beginning, ReadAt(opened.fd, 0, kSniffBytes));
  if (SniffMedia(beginning) != MediaKind::kUnknown) return false;
  if (!expected) return true;
  return InvalidArgument("NOT_AN_IMAGE",
                         opened.stamp.size == 0
                             ? "the file is empty"
                             : "not an image that Stockroom reads (JPEG, PNG, WebP, GIF, TIFF, "
                               "AVIF)");
}

absl::StatusOr<Digest> FileSender::HashOf(const Opened& opened) const {
  StreamHasher hasher;
  for (off_t at = 0;;) {
    if (program_.stop->cancelled()) return absl::CancelledError("interrupted");
    SR_ASSIGN_OR_RETURN(const std::string bytes, ReadAt(opened.fd, at, kChunk));
    if (bytes.empty()) return hasher.FinishSha256();
    hasher.Update(bytes);
    at += static_cast<off_t>(bytes.size());
  }
}

absl::StatusOr<bool> FileSender::StillThere(const SentFile& sent) {
  if (args_.trust_journal) return true;
  bool there = false;
  absl::Status failed;
  const absl::Status asked = Retry(
      args_.retry_for,
      [&] {
        const absl::StatusOr<v1::Image> image = client_.Get(sent.image_id);
        if (absl::IsNotFound(image.status())) return absl::OkStatus();
        if (!image.ok()) return image.status();
        there = image->sha256() == sent.sha256.hex();
        if (there && image->state() == v1::FAILED) failed = Unprocessable(*image);
        return absl::OkStatus();
      },
      [&](absl::Duration d) { return SleepUnlessStopped(d, *program_.stop); });
  SR_RETURN_IF_ERROR(asked);
  SR_RETURN_IF_ERROR(failed);
  if (!there) Remember(journal_.Forget(sent.image_id));
  return there;
}

absl::Status FileSender::Transfer(const Opened& opened, const Digest& sha256,
                                  UploadOutcome& outcome) {
  v1::UploadHeader header = args_.header;
  header.set_filename(opened.filename);
  header.set_sha256(sha256.hex());
  if (header.wait()) header.set_wait_timeout_ms(kWaitMs);
  v1::UploadImageResponse response;
  int64_t received = 0;
  const auto attempt = [&] {
    absl::StatusOr<v1::UploadImageResponse> answer =
        args_.direct.empty() ? TryOnce(opened, header) : TryDirect(opened, header, received);
    if (answer.ok()) response = *std::move(answer);
    return answer.status();
  };
  absl::Status sent;
  int64_t before = -1;
  // Who gets on, however slowly, has all the time in the world.
  do {
    before = received;
    sent = Retry(args_.retry_for, attempt,
                 [&](absl::Duration d) { return SleepUnlessStopped(d, *program_.stop); });
  } while (IsWorthRetrying(sent) && received > before);
  if (!sent.ok()) {
    outcome.hopeless = IsHopeless(sent);
    if (absl::IsDataLoss(sent)) return Annotate(sent, "the file changed while it was read");
    return sent;
  }
  outcome.image_id = response.image().id();
  if (response.image().state() == v1::FAILED) return Unprocessable(response.image());
  outcome.result =
      response.deduplicated() ? UploadOutcome::Result::kPresent : UploadOutcome::Result::kStored;
  struct stat now {};
  if (!opened.journaled || ::fstat(opened.fd, &now) != 0) return absl::OkStatus();
  const FileStamp after = StampOf(opened.name, now);
  // A file that changed meanwhile is to be sent again, whatever the server has now.
  if (after.size != opened.stamp.size || after.mtime_ns != opened.stamp.mtime_ns) {
    return absl::OkStatus();
  }
  Remember(journal_.Record(opened.stamp, {sha256, response.image().id()}));
  return absl::OkStatus();
}

void FileSender::Remember(const absl::Status& status) {
  if (!status.ok() && !journal_trouble_.exchange(true)) {
    program_.out.Error(
        absl::StrCat(std::string(status.message()), "; a second run may send files again"));
  }
}

std::optional<SentFile> FileSender::Remembered(
    const absl::StatusOr<std::optional<SentFile>>& found) {
  Remember(found.status());
  return found.ok() ? *found : std::nullopt;
}

absl::StatusOr<v1::UploadImageResponse> FileSender::TryOnce(const Opened& opened,
                                                            const v1::UploadHeader& header) {
  off_t at = 0;
  const absl::Duration needed =
      absl::Seconds(60) + absl::Seconds(static_cast<double>(opened.stamp.size) / (128 << 10)) +
      (header.wait() ? absl::Milliseconds(kWaitMs) : absl::ZeroDuration());
  absl::StatusOr<v1::UploadImageResponse> answer = client_.Upload(
      header,
      [&]() -> absl::StatusOr<std::string> {
        SR_ASSIGN_OR_RETURN(std::string chunk, ReadAt(opened.fd, at, kChunk));
        at += static_cast<off_t>(chunk.size());
        progress_.AddBytes(static_cast<int64_t>(chunk.size()));
        return chunk;
      },
      std::max(program_.settings.timeout, std::min(needed, kLongestUpload)));
  // The file counts once as a whole, when it is done.
  progress_.AddBytes(-at);
  return answer;
}

}  // namespace stockroom::cli
