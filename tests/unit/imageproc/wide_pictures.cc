// wide-pictures DIR: writes picture.heic and picture.jxl there, those that this system can write.
#include <cstdio>
#include <fstream>

#include "services/imageproc/codec/vips_library.h"
#include "tests/unit/imageproc/pictures.h"

int main(int argc, char** argv) {
  using namespace stockroom::imageproc;
  if (argc != 2) return 2;
  if (const absl::Status status = InitVips(); !status.ok()) {
    std::printf("%s\n", status.ToString().c_str());
    return 1;
  }
  for (const char* suffix : {".heic", ".jxl"}) {
    try {
      const std::string bytes = testing::Encode(testing::Gradient(800, 600), suffix);
      std::ofstream(std::string(argv[1]) + "/picture" + suffix, std::ios::binary) << bytes;
    } catch (const vips::VError& error) {
      std::printf("no %s here: %s", suffix, error.what());
    }
  }
  return 0;
}
