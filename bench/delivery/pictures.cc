#include "bench/delivery/pictures.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace stockroom::bench {
namespace {

constexpr int kWidths[] = {720, 512, 320};
constexpr int kQuality = 80;

std::string Get(const std::string& path) {
  return absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

}  // namespace

std::string PathAtStockroom(const std::string& id, const Picture& picture) {
  return absl::StrCat("/i/", id, "/fit=", picture.width, "x0/q=", kQuality, ".", picture.format);
}

std::string AskStockroom(const std::string& id, const Picture& picture) {
  return Get(PathAtStockroom(id, picture));
}

std::string AskSharp(const Picture& picture) {
  return Get(
      absl::StrCat("/", picture.photo, "/", picture.width, ".", picture.format, "?q=", kQuality));
}

std::vector<std::string> Upload(testing::Cluster& cluster, const std::vector<Photo>& photos) {
  testing::Client client(cluster.rpc_address());
  std::vector<std::string> ids;
  for (const Photo& photo : photos) {
    v1::UploadHeader header;
    header.set_wait(true);
    header.set_wait_timeout_ms(120'000);
    const auto uploaded = client.Upload(photo.bytes, header, absl::Minutes(3));
    if (!uploaded.ok() || uploaded->image().state() != v1::READY) {
      std::fprintf(stderr, "%s: %s\n", photo.path.c_str(), uploaded.status().ToString().c_str());
      std::exit(1);
    }
    ids.push_back(uploaded->image().id());
  }
  return ids;
}

std::vector<Picture> DistinctPictures(size_t photos, int step) {
  std::vector<Picture> pictures;
  for (size_t photo = 0; photo < photos; ++photo) {
    for (const int width : kWidths) {
      for (const char* format : {"jpg", "webp"}) {
        pictures.push_back({photo, width - step, format});
      }
    }
  }
  return pictures;
}

}  // namespace stockroom::bench
