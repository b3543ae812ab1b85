#include "services/fileserver/backends/local_source.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/fileserver/backends/footer.h"

namespace stockroom::fileserver {
namespace {

absl::Status Damaged(const std::string& path, std::string_view why) {
  return MakeStatus(absl::StatusCode::kDataLoss, path + ": " + std::string(why),
                    {.reason = "BLOB_DAMAGED"});
}

template <typename Info>
class LocalSource final : public ByteSource<Info> {
 public:
  LocalSource(std::unique_ptr<File> file, std::string path, Footer<Info> footer)
      : file_(std::move(file)), path_(std::move(path)), footer_(std::move(footer)) {}

  const Info& info() const override { return footer_.info; }
  absl::StatusOr<ChunkSums> Sums() override { return footer_.sums; }
  int Descriptor() const override { return file_->Descriptor(); }

  absl::Status ReadAt(int64_t offset, char* to, size_t size) override {
    SR_ASSIGN_OR_RETURN(const size_t got, file_->ReadAt(offset, to, size));
    return got == size ? absl::OkStatus() : Damaged(path_, "the file ends too early");
  }

 private:
  const std::unique_ptr<File> file_;
  const std::string path_;
  const Footer<Info> footer_;
};

// The last `bytes` of a file. Fewer than asked for if somebody cuts it just now.
absl::StatusOr<std::string> ReadEnd(File& file, int64_t file_size, int64_t bytes) {
  std::string end(static_cast<size_t>(bytes), '\0');
  SR_ASSIGN_OR_RETURN(const size_t got, file.ReadAt(file_size - bytes, end.data(), end.size()));
  end.resize(got);
  return end;
}

template <typename Info>
absl::StatusOr<std::unique_ptr<LocalSource<Info>>> Open(Env& env, const std::string& path) {
  SR_ASSIGN_OR_RETURN(std::unique_ptr<File> file, env.OpenToRead(path));
  SR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  SR_ASSIGN_OR_RETURN(std::string end, ReadEnd(*file, size, std::min(size, kFooterTailBytes)));
  const absl::StatusOr<int64_t> bytes = FooterBytes<Info>(end, size);
  if (!bytes.ok()) return Damaged(path, Sv(bytes.status().message()));
  const auto footer_bytes = static_cast<size_t>(*bytes);
  if (footer_bytes > end.size()) {
    SR_ASSIGN_OR_RETURN(end, ReadEnd(*file, size, *bytes));
    if (end.size() < footer_bytes) return Damaged(path, "the file ends too early");
  }
  absl::StatusOr<Footer<Info>> footer =
      DecodeFooter<Info>(std::string_view(end).substr(end.size() - footer_bytes));
  if (!footer.ok()) return Damaged(path, Sv(footer.status().message()));
  return std::make_unique<LocalSource<Info>>(std::move(file), path, *std::move(footer));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlobSource>> OpenLocalBlob(Env& env, const std::string& path,
                                                          const Digest& digest) {
  auto source = Open<BlobInfo>(env, path);
  if (absl::IsNotFound(source.status())) {
    return NotFound("BLOB_NOT_FOUND", "there is no blob " + digest.hex());
  }
  if (!source.ok()) return source.status();
  if ((*source)->info().sha256 != digest) return Damaged(path, "the footer is of another blob");
  return *std::move(source);
}

absl::StatusOr<std::unique_ptr<RenditionSource>> OpenLocalRendition(Env& env,
                                                                    const std::string& path) {
  auto source = Open<RenditionInfo>(env, path);
  if (absl::IsNotFound(source.status())) {
    return NotFound("RENDITION_NOT_FOUND", "there is no such rendition");
  }
  if (!source.ok()) return source.status();
  return *std::move(source);
}

}  // namespace stockroom::fileserver
