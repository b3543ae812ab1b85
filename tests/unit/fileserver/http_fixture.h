// The HTTP port of a file server over a real folder, or over a disk in memory, which has no
// descriptors.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/http/server.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/http/open_files.h"
#include "services/fileserver/http/stored_routes.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/blob_urls.h"
#include "services/fileserver/store/memory_env.h"
#include "services/fileserver/store/posix_env.h"
#include "services/fileserver/store/rendition_store.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/http/raw_client.h"

namespace stockroom::fileserver {

enum class Disk { kReal, kInMemory };

class HttpFixture {
 public:
  struct Options {
    Disk disk = Disk::kReal;
    OpenFiles::Options files;
    http::ServerOptions server;
  };
  HttpFixture() : HttpFixture(Options()) {}
  explicit HttpFixture(Options options)
      : directory_(options.disk == Disk::kReal ? folder_.path() : "/data"),
        disk_(*LocalDisk::Open(options.disk == Disk::kReal ? PosixEnv() : memory_,
                               {.directory = directory_, .reserve_bytes = 0})),
        blobs_(*disk_, {}, metrics_),
        renditions_(*disk_, {}, metrics_),
        files_(options.files, metrics_) {
    http::Router router;
    const absl::Status mounted = MountStored(router, {.blobs = blobs_,
                                                      .renditions = renditions_,
                                                      .signer = signer_,
                                                      .files = files_,
                                                      .disk = executor_});
    EXPECT_TRUE(mounted.ok()) << mounted;
    options.server.listen = "127.0.0.1:0";
    auto server = http::Server::Start(options.server, std::move(router), metrics_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  ~HttpFixture() { server_.reset(); }

  Digest Put(std::string_view bytes) {
    const std::unique_ptr<BlobUpload> upload = *blobs_.Put({});
    EXPECT_TRUE(upload->Append(bytes).ok());
    return upload->Finish(static_cast<int64_t>(bytes.size()))->info.sha256;
  }
  Digest PutRendition(const RenditionAddress& address, std::string_view bytes) {
    const std::unique_ptr<RenditionUpload> upload = *renditions_.Put(address);
    EXPECT_TRUE(upload->Append(bytes).ok());
    return upload->Finish(static_cast<int64_t>(bytes.size()))->sha256;
  }
  std::string PathOf(const Digest& digest) const {
    return directory_ + "/blobs/" + digest.hex().substr(0, 2) + "/" + digest.hex();
  }
  std::string PathOf(const RenditionAddress& address) const {
    return directory_ + "/renditions/" + address.original.hex().substr(0, 2) + "/" +
           address.original.hex() + "/" + address.key;
  }

  http::RawResponse Ask(const std::string& method, const std::string& target,
                        const std::string& headers = "") {
    http::RawClient client(port());
    return client.Ask(
        absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", headers,
                     "\r\n"),
        method == "HEAD");
  }
  http::RawResponse Get(const std::string& target, const std::string& headers = "") {
    return Ask("GET", target, headers);
  }
  // Path and query of a signed URL.
  std::string Blob(const Digest& digest, const std::string& type = "",
                   const std::string& filename = "", absl::Duration lifetime = absl::Hours(1)) {
    return Target(urls_.OfBlob({.digest = digest,
                                .expires = absl::Now() + lifetime,
                                .content_type = type,
                                .filename = filename}));
  }
  std::string Rendition(const RenditionAddress& address) {
    return Target(urls_.OfRendition(address, {.expires = absl::Now() + absl::Hours(1)}));
  }

  int port() const { return server_->port(); }
  const UrlSigner& signer() const { return signer_; }
  Metrics& metrics() { return metrics_; }
  BlobBackend& backend() { return *disk_; }
  OpenFiles& files() { return files_; }
  Executor& disk() { return executor_; }
  http::Server& server() { return *server_; }

 private:
  static constexpr std::string_view kPublic = "http://x";
  static std::string Target(const absl::StatusOr<std::string>& url) {
    EXPECT_TRUE(url.ok()) << url.status();
    return url->substr(kPublic.size());
  }

  const testing::TempFolder folder_;
  MemoryEnv memory_;
  const std::string directory_;
  Metrics metrics_;
  const UrlSigner signer_ = *UrlSigner::Create({"the key that these tests use"});
  const BlobUrls urls_{signer_, std::string(kPublic)};
  const std::unique_ptr<LocalDisk> disk_;
  BlobStore blobs_;
  RenditionStore renditions_;
  Executor executor_{{.name = "disk", .threads = 2, .max_queued = 64}, metrics_};
  OpenFiles files_;
  std::unique_ptr<http::Server> server_;
};

// One for all tests of a suite: on a busy disk making it takes seconds.
class SharedFixtures {
 public:
  HttpFixture& On(Disk disk) {
    std::unique_ptr<HttpFixture>& fixture = fixtures_[disk];
    if (fixture == nullptr) {
      HttpFixture::Options options;
      options.disk = disk;
      fixture = std::make_unique<HttpFixture>(std::move(options));
    }
    return *fixture;
  }
  void Reset() { fixtures_.clear(); }

 private:
  std::map<Disk, std::unique_ptr<HttpFixture>> fixtures_;
};

// Bytes that differ everywhere.
inline std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 15);
  return bytes;
}

}  // namespace stockroom::fileserver
