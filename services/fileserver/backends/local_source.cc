#include "services/fileserver/backends/local_source.h"

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
  LocalSource(std::unique_ptr<File> file, std::string path, Info info)
      : file_(std::move(file)), path_(std::move(path)), info_(std::move(info)) {}

  const Info& info() const override { return info_; }

  absl::Status ReadAt(int64_t offset, char* to, size_t size) override {
    SR_ASSIGN_OR_RETURN(const size_t got, file_->ReadAt(offset, to, size));
    return got == size ? absl::OkStatus() : Damaged(path_, "the file ends too early");
  }

 private:
  const std::unique_ptr<File> file_;
  const std::string path_;
  const Info info_;
};

template <typename Info, typename Decode>
absl::StatusOr<std::unique_ptr<LocalSource<Info>>> Open(Env& env, const std::string& path,
                                                        size_t footer_bytes, Decode decode) {
  SR_ASSIGN_OR_RETURN(std::unique_ptr<File> file, env.OpenToRead(path));
  SR_ASSIGN_OR_RETURN(const int64_t file_size, file->Size());
  const int64_t size = file_size - static_cast<int64_t>(footer_bytes);
  if (size < 0) return Damaged(path, "the file is shorter than its footer");
  std::string footer(footer_bytes, '\0');
  SR_ASSIGN_OR_RETURN(const size_t got, file->ReadAt(size, footer.data(), footer.size()));
  footer.resize(got);
  absl::StatusOr<Info> info = decode(footer);
  if (!info.ok()) return Damaged(path, Sv(info.status().message()));
  if (info->size != size) return Damaged(path, "the file has another length than its footer says");
  return std::make_unique<LocalSource<Info>>(std::move(file), path, *std::move(info));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlobSource>> OpenLocalBlob(Env& env, const std::string& path,
                                                          const Digest& digest) {
  auto source = Open<BlobInfo>(env, path, kBlobFooterBytes, DecodeBlobFooter);
  if (absl::IsNotFound(source.status())) {
    return NotFound("BLOB_NOT_FOUND", "there is no blob " + digest.hex());
  }
  if (!source.ok()) return source.status();
  if ((*source)->info().sha256 != digest) return Damaged(path, "the footer is of another blob");
  return *std::move(source);
}

absl::StatusOr<std::unique_ptr<RenditionSource>> OpenLocalRendition(Env& env,
                                                                    const std::string& path) {
  auto source = Open<RenditionInfo>(env, path, kRenditionFooterBytes, DecodeRenditionFooter);
  if (absl::IsNotFound(source.status())) {
    return NotFound("RENDITION_NOT_FOUND", "there is no such rendition");
  }
  if (!source.ok()) return source.status();
  return *std::move(source);
}

}  // namespace stockroom::fileserver
