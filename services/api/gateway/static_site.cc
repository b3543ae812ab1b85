#include "services/api/gateway/static_site.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "services/common/base/digest.h"
#include "services/common/base/files.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/http/conditional.h"
#include "services/common/http/encoding.h"
#include "services/common/http/problem.h"

namespace stockroom::api {
namespace {

namespace fs = std::filesystem;
using http::Response;
using http::Task;

// Everything from here and nothing inline; thumbnails of private images are blob: URLs and
// placeholders data: URLs. Trusted Types without any policy: no string ever becomes markup.
// $0: origins of uploads, each after a blank.
constexpr char kPagePolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'$0; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";
// Swagger UI makes HTML out of strings.
constexpr char kApiDocsPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr char kSettingsPolicy[] = "default-src 'none'; frame-ancestors 'none'";
constexpr char kApiDocs[] = "apidocs/";

// What one write to a connection takes; a slow reader holds this much of a file, not all of it.
constexpr size_t kPiece = 64 << 10;

struct MediaType {
  const char* extension;
  const char* type;
  bool text = true;
};
constexpr std::array kMediaTypes = {
    MediaType{".html", "text/html; charset=utf-8"},
    MediaType{".js", "text/javascript; charset=utf-8"},
    MediaType{".css", "text/css; charset=utf-8"},
    MediaType{".json", "application/json"},
    MediaType{".svg", "image/svg+xml"},
    MediaType{".txt", "text/plain; charset=utf-8"},
    MediaType{".webmanifest", "application/manifest+json"},
    MediaType{".png", "image/png", false},
    MediaType{".ico", "image/x-icon", false},
    MediaType{".woff2", "font/woff2", false},
};
constexpr MediaType kUnknown{"", "application/octet-stream", false};

const MediaType& MediaTypeOf(std::string_view path) {
  const auto* found = std::find_if(kMediaTypes.begin(), kMediaTypes.end(),
                                   [&](const MediaType& m) { return path.ends_with(m.extension); });
  return found == kMediaTypes.end() ? kUnknown : *found;
}

// One way to send a file. Every way has a strong tag of its own: they are different bytes.
struct Representation {
  std::string bytes;
  std::string etag;
};

struct SiteFile {
  std::string path;  // below the folder, with slashes
  const char* media_type = "";
  std::string policy;
  const char* cache_control = "";
  absl::Time modified;
  Representation plain;
  std::optional<Representation> gzip;
};

Representation Represent(std::string bytes) {
  std::string etag = absl::StrCat("\"", Digest::Of(bytes).hex(), "\"");
  return {std::move(bytes), std::move(etag)};
}

class SiteBody final : public http::BodySource {
 public:
  SiteBody(std::shared_ptr<const SiteFile> file, std::string_view bytes)
      : file_(std::move(file)), rest_(bytes) {}
  Task<http::ByteResult> Next() override {
    if (rest_.empty()) co_return std::optional<std::string>();
    const std::string_view piece = rest_.substr(0, kPiece);
    rest_.remove_prefix(piece.size());
    co_return std::optional<std::string>(std::string(piece));
  }

 private:
  const std::shared_ptr<const SiteFile> file_;  // keeps the bytes
  std::string_view rest_;
};

Response Serve(const std::shared_ptr<const SiteFile>& file, const http::Request& request) {
  const bool gzip = file->gzip && http::AcceptsGzip(request.headers.Get("Accept-Encoding"));
  const Representation& chosen = gzip ? *file->gzip : file->plain;
  const http::Entity entity{chosen.etag, file->modified, static_cast<int64_t>(chosen.bytes.size())};
  const http::Selection selection = http::Select(request.method, request.headers, entity);
  Response response;
  if (selection.refused()) {
    response = http::RefusalOf(selection, "file", request.context.request_id);
  } else if (selection.status != 304) {
    response.headers.Set("Content-Type", file->media_type);
    if (gzip) response.headers.Set("Content-Encoding", "gzip");
    response.stream_length = selection.length;
    if (request.method == "GET") {
      response.stream =
          std::make_unique<SiteBody>(file, std::string_view(chosen.bytes)
                                               .substr(static_cast<size_t>(selection.offset),
                                                       static_cast<size_t>(selection.length)));
    }
  }
  http::Describe(selection, entity, response);
  response.headers.Set("Vary", "Accept-Encoding");
  response.headers.Set("Cache-Control", file->cache_control);
  response.headers.Set("Content-Security-Policy", file->policy);
  response.headers.Set("Referrer-Policy", "no-referrer");
  response.headers.Set("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.Set("Cross-Origin-Resource-Policy", "same-origin");
  return response;
}

absl::Status CheckName(const std::string& path) {
  for (const char c : path) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("._-/", c)) {
      continue;
    }
    return InvalidArgument("WEB_ROOT_NAME", absl::StrCat(path, " is no name for a file of a page"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const SiteFile>> LoadFile(const fs::directory_entry& entry,
                                                         std::string path, int64_t room,
                                                         const std::string& page_policy) {
  SR_RETURN_IF_ERROR(CheckName(path));
  if (entry.symlink_status().type() != fs::file_type::regular) {
    return InvalidArgument("WEB_ROOT_NAME",
                           absl::StrCat(path, " is neither a plain file nor a folder"));
  }
  absl::StatusOr<std::string> read = ReadFileAtMost(entry.path().string(), room);
  if (absl::IsOutOfRange(read.status())) {
    return http::MakeError(absl::StatusCode::kOutOfRange, "WEB_ROOT_TOO_LARGE",
                           absl::StrCat("with ", path, " the files of the page are too large"));
  }
  if (!read.ok()) return Unavailable("WEB_ROOT_UNREADABLE", std::string(read.status().message()));
  std::string bytes = *std::move(read);
  auto file = std::make_shared<SiteFile>();
  const MediaType& media_type = MediaTypeOf(path);
  file->media_type = media_type.type;
  file->policy = absl::StartsWith(path, kApiDocs) ? kApiDocsPolicy : page_policy;
  file->cache_control =
      absl::StartsWith(path, "assets/") ? "public, max-age=31536000, immutable" : "no-cache";
  std::error_code ignored;
  const auto written = fs::last_write_time(entry.path(), ignored);
  file->modified = absl::FromChrono(std::chrono::time_point_cast<std::chrono::microseconds>(
      std::chrono::file_clock::to_sys(written)));
  if (media_type.text) {
    std::string packed = http::Gzip(bytes);
    if (packed.size() < bytes.size()) file->gzip = Represent(std::move(packed));
  }
  file->plain = Represent(std::move(bytes));
  file->path = std::move(path);
  return std::shared_ptr<const SiteFile>(std::move(file));
}

absl::StatusOr<std::vector<std::shared_ptr<const SiteFile>>> LoadAll(
    const std::string& folder, const StaticSiteLimits& limits, const std::string& page_policy) {
  std::vector<std::shared_ptr<const SiteFile>> files;
  int64_t room = limits.max_bytes;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  if (error) {
    return NotFound("WEB_ROOT_MISSING",
                    absl::StrCat("can not read the folder ", folder, ": ", error.message()));
  }
  for (const fs::recursive_directory_iterator end; at != end; at.increment(error)) {
    if (at->symlink_status(error).type() == fs::file_type::directory) continue;
    if (static_cast<int>(files.size()) == limits.max_files) {
      return http::MakeError(absl::StatusCode::kOutOfRange, "WEB_ROOT_TOO_LARGE",
                             absl::StrCat(folder, " holds more than ", limits.max_files, " files"));
    }
    SR_ASSIGN_OR_RETURN(
        auto file,
        LoadFile(*at, fs::path(at->path()).lexically_relative(folder).string(), room, page_policy));
    room -= static_cast<int64_t>(file->plain.bytes.size());
    files.push_back(std::move(file));
  }
  if (error) {
    return MakeStatus(absl::StatusCode::kUnavailable,
                      absl::StrCat("can not read the folder ", folder, ": ", error.message()), {});
  }
  return files;
}

absl::Status Mount(http::Router& router, const std::string& path,
                   const std::shared_ptr<const SiteFile>& file) {
  http::RouteOptions limits;
  limits.max_body_bytes = 0;
  return router.AddPlain("GET", path, limits,
                         [file](http::Request& request) { return Serve(file, request); });
}

// So that it names one origin, and says nothing else in a policy.
absl::Status CheckOriginName(std::string_view origin) {
  const absl::Status bad =
      InvalidArgument("BAD_ORIGIN", absl::StrCat("gateway.upload_origins: ", Av(origin),
                                                 " is no origin such as https://files.example"));
  const bool tls = origin.starts_with("https://");
  if (!tls && !origin.starts_with("http://")) return bad;
  std::string_view host = origin.substr(tls ? 8 : 7);
  const size_t colon = host.rfind(':');
  if (colon != host.npos && host.find(']', colon) == host.npos) {
    const std::string_view port = host.substr(colon + 1);
    uint32_t number = 0;
    if (!absl::SimpleAtoi(Av(port), &number) || number == 0 || number > 65535 ||
        absl::StrCat(number) != port || number == (tls ? 443 : 80)) {
      return bad;
    }
    host = host.substr(0, colon);
  }
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 4;
  const std::string_view name = bracketed ? host.substr(1, host.size() - 2) : host;
  const bool plain = std::all_of(name.begin(), name.end(), [&](char c) {
    const bool digit = absl::ascii_isdigit(static_cast<unsigned char>(c));
    if (bracketed) return digit || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    return digit || absl::ascii_islower(static_cast<unsigned char>(c)) || c == '-' || c == '.';
  });
  return plain && !name.empty() ? absl::OkStatus() : bad;
}

// What the page has to know before it asks for anything.
std::shared_ptr<const SiteFile> Settings(const std::vector<std::string>& upload_origins) {
  auto file = std::make_shared<SiteFile>();
  file->path = "page.json";
  file->media_type = MediaTypeOf(file->path).type;
  file->policy = kSettingsPolicy;
  file->cache_control = "no-cache";
  file->modified = absl::Now();
  file->plain = Represent(nlohmann::json{{"uploadOrigins", upload_origins}}.dump());
  return file;
}

}  // namespace

absl::Status MountStaticSite(http::Router& router, const std::string& folder,
                             const StaticSiteLimits& limits,
                             const std::vector<std::string>& upload_origins) {
  std::string allowed;
  for (const std::string& origin : upload_origins) {
    SR_RETURN_IF_ERROR(CheckOriginName(origin));
    absl::StrAppend(&allowed, " ", origin);
  }
  SR_ASSIGN_OR_RETURN(const auto files,
                      LoadAll(folder, limits, absl::Substitute(kPagePolicy, allowed)));
  SR_RETURN_IF_ERROR(Mount(router, "/page.json", Settings(upload_origins)));
  bool has_index = false;
  for (const auto& file : files) {
    SR_RETURN_IF_ERROR(Mount(router, "/" + file->path, file));
    if (file->path == "index.html") {
      has_index = true;
      SR_RETURN_IF_ERROR(Mount(router, "/", file));
      // Images have addresses of their own; the page looks at them itself.
      SR_RETURN_IF_ERROR(Mount(router, "/image/{id}", file));
    } else if (file->path == "apidocs/index.html") {
      SR_RETURN_IF_ERROR(Mount(router, "/apidocs", file));
      SR_RETURN_IF_ERROR(Mount(router, "/apidocs/", file));
    }
  }
  if (has_index) return absl::OkStatus();
  return NotFound("WEB_ROOT_MISSING",
                  absl::StrCat(folder,
                               " has no index.html; the build makes one in web/ beside "
                               "bin/, or leave gateway.web_root empty"));
}

}  // namespace stockroom::api
