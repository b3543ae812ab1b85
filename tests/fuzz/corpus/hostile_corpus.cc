// Writes a folder of hostile files, the same each time: hostile-corpus DIR. What they hold is made
// here from nothing; none is anybody's picture.
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

#include "services/imageproc/codec/vips_library.h"
#include "tests/unit/imageproc/pictures.h"

namespace stockroom::corpus {
namespace {

using imageproc::testing::Encode;
using imageproc::testing::Gradient;
using imageproc::testing::GradientWithAlpha;
using Files = std::map<std::string, std::string>;

std::string Big(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

std::string Little(uint32_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

std::string Deflated(const std::string& bytes) {
  uLongf length = compressBound(bytes.size());
  std::string out(length, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &length,
            reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 9);
  out.resize(length);
  return out;
}

std::string Chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const uLong crc =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return Big(static_cast<uint32_t>(data.size()), 4) + body + Big(static_cast<uint32_t>(crc), 4);
}

const std::string kPngMagic = "\x89PNG\r\n\x1a\n";

// Grey; `between` goes before the pixels.
std::string Png(uint32_t width, uint32_t height, int depth, const std::string& pixels,
                const std::string& between = "") {
  const std::string header =
      Big(width, 4) + Big(height, 4) + Big(static_cast<uint32_t>(depth), 1) + std::string(4, '\0');
  return kPngMagic + Chunk("IHDR", header) + between + Chunk("IDAT", Deflated(pixels)) +
         Chunk("IEND", "");
}

std::string JpegSegment(int marker, const std::string& data) {
  return "\xff" + Big(static_cast<uint32_t>(marker), 1) +
         Big(static_cast<uint32_t>(data.size() + 2), 2) + data;
}

// `segments` after the start of a good picture.
std::string JpegWith(const std::string& segments) {
  const std::string good = Encode(Gradient(64, 48), ".jpg");
  return good.substr(0, 2) + segments + good.substr(2);
}

std::string Box(const std::string& type, const std::string& data) {
  return Big(static_cast<uint32_t>(data.size() + 8), 4) + type + data;
}

// A GIF of `frames` frames of one pixel on a canvas.
std::string Gif(uint32_t width, uint32_t height, int frames) {
  std::string out = "GIF89a" + Little(width, 2) + Little(height, 2) + "\x80" + Little(0, 2) +
                    std::string("\0\0\0\xff\xff\xff", 6);
  for (int i = 0; i < frames; ++i) {
    out += "\x2c" + Little(0, 4) + Little(1, 2) + Little(1, 2) + Little(0, 1) +
           std::string("\x02\x02\x44\x01\x00", 5);
  }
  return out + ";";
}

std::string Tiff(uint32_t width, uint32_t height, uint32_t next) {
  const auto entry = [](uint32_t tag, uint32_t type, uint32_t value) {
    return Little(tag, 2) + Little(type, 2) + Little(1, 4) + Little(value, 4);
  };
  return "II*" + Little(0, 1) + Little(8, 4) + Little(7, 2) + entry(256, 4, width) +
         entry(257, 4, height) + entry(258, 3, 8) + entry(259, 3, 1) + entry(262, 3, 1) +
         entry(273, 4, 8) + entry(279, 4, 0xffffffff) + Little(next, 4);
}

std::map<std::string, std::string> Seeds() {
  return {{"baseline.jpg", Encode(Gradient(320, 200), ".jpg")},
          {"progressive.jpg", Encode(Gradient(320, 200), ".jpg[interlace]")},
          {"rgba.png", Encode(GradientWithAlpha(160, 120), ".png")},
          {"interlaced.png", Encode(Gradient(160, 120), ".png[interlace]")},
          {"still.webp", Encode(GradientWithAlpha(200, 120), ".webp")},
          {"lossless.webp", Encode(Gradient(100, 100), ".webp[lossless]")},
          {"still.gif", Encode(Gradient(120, 80), ".gif")},
          {"strips.tiff", Encode(Gradient(120, 80), ".tif[compression=lzw]")},
          {"picture.avif", Encode(Gradient(128, 96), ".avif[effort=0]")}};
}

// Cut short, with flipped bits, overwritten, repeated and followed by rubbish.
void AddDamaged(Files& files) {
  std::mt19937 random(5);
  for (const auto& [name, bytes] : Seeds()) {
    files["good/" + name] = bytes;
    const size_t size = bytes.size();
    for (const size_t keep : {size_t{1}, size_t{4}, size_t{12}, size_t{30}, size / 4, size / 2,
                              size * 3 / 4, size - 40, size - 1}) {
      files["truncated/" + std::to_string(keep) + "-" + name] = bytes.substr(0, keep);
    }
    for (int i = 0; i < 12; ++i) {
      std::string flipped = bytes;
      // Headers are where lies do most harm.
      const size_t range = i % 2 == 0 ? std::min<size_t>(size, 120) : size;
      for (int k = 0; k <= i; ++k) {
        flipped[random() % range] ^= static_cast<char>(1 << random() % 8);
      }
      files["flipped/" + std::to_string(i) + "-" + name] = flipped;
    }
    for (const char filler : {'\0', '\xff'}) {
      std::string holed = bytes;
      holed.replace(size / 3, size / 8, size / 8, filler);
      files["holes/" + std::to_string(filler & 1) + "-" + name] = holed;
    }
    files["doubled/" + name] = bytes + bytes;
    files["polyglot/zip-" + name] = bytes + "PK\x03\x04" + std::string(500, 'z');
    files["polyglot/html-" + name] = bytes + "<script>alert(1)</script>";
  }
}

// Small files that promise, or hold, far too much.
void AddBombs(Files& files) {
  files["bombs/64250.jpg"] = imageproc::testing::JpegHeader(64250, 64250);
  files["bombs/64250-data.jpg"] =
      imageproc::testing::JpegHeader(64250, 64250) + std::string(5000, '\x55');
  files["bombs/300000.png"] = imageproc::testing::PngHeader(300000, 300000);
  files["bombs/4294967295.png"] = imageproc::testing::PngHeader(0xffffffff, 0xffffffff);
  files["bombs/0.png"] = imageproc::testing::PngHeader(0, 0);
  files["bombs/zeros-20000.png"] = Png(20000, 20000, 1, std::string(20000 * 2501, '\0'));
  // Within the pixel limit, and all there.
  files["bombs/zeros-9000.png"] = Png(9000, 9000, 1, std::string(9000 * 1126, '\0'));
  files["bombs/wide.png"] = Png(60000, 1, 8, std::string(60001, '\0'));
  files["bombs/high.png"] = Png(1, 60000, 8, std::string(120000, '\0'));
  files["bombs/more-pixels-than-promised.png"] = Png(10, 10, 8, std::string(8 << 20, '\0'));
  files["bombs/fewer-pixels-than-promised.png"] = Png(4000, 4000, 8, std::string(100, '\0'));
  files["bombs/frames.gif"] = Gif(2000, 2000, 20000);
  files["bombs/canvas.gif"] = Gif(65535, 65535, 3);
  files["bombs/many-small-frames.gif"] = Gif(1, 1, 200000);
  files["bombs/canvas.webp"] = "RIFF" + Little(100, 4) + "WEBPVP8X" + Little(10, 4) + Little(2, 4) +
                               Little(16383, 3) + Little(16383, 3);
  files["bombs/size.tiff"] = Tiff(0x7fffffff, 0x7fffffff, 0);
  files["bombs/endless.tiff"] = Tiff(100, 100, 8);
  files["bombs/strips.tiff"] = Tiff(60000, 60000, 0);
}

void AddMetadataBombs(Files& files) {
  const std::string row(4 * 5, '\0');
  files["metadata/icc-bomb.png"] = Png(
      4, 4, 8, row, Chunk("iCCP", std::string("x\0\0", 3) + Deflated(std::string(64 << 20, '\0'))));
  files["metadata/text-bomb.png"] = Png(
      4, 4, 8, row, Chunk("zTXt", std::string("x\0\0", 3) + Deflated(std::string(64 << 20, 'x'))));
  files["metadata/exif-2mib.png"] = Png(4, 4, 8, row, Chunk("eXIf", std::string(2 << 20, 'x')));
  std::string texts;
  for (int i = 0; i < 50'000; ++i) texts += Chunk("tEXt", std::string("a\0b", 3));
  files["metadata/50000-texts.png"] = Png(4, 4, 8, row, texts);
  std::string profile;
  std::string exif;
  for (int i = 1; i <= 255; ++i) {
    profile +=
        JpegSegment(0xe2, std::string("ICC_PROFILE\0", 12) + Big(static_cast<uint32_t>(i), 1) +
                              "\xff" + std::string(60'000, 'i'));
    exif += JpegSegment(0xe1, std::string("Exif\0\0", 6) + std::string(60'000, 'e'));
  }
  files["metadata/icc-15mb.jpg"] = JpegWith(profile);
  files["metadata/exif-15mb.jpg"] = JpegWith(exif);
  // A directory that leads to itself, and one of 65535 entries.
  const std::string tiff = "II*" + Little(0, 1) + Little(8, 4);
  files["metadata/exif-loop.jpg"] = JpegWith(
      JpegSegment(0xe1, std::string("Exif\0\0", 6) + tiff + Little(1, 2) + Little(0x8769, 2) +
                            Little(4, 2) + Little(1, 4) + Little(8, 4) + Little(8, 4)));
  files["metadata/exif-entries.jpg"] = JpegWith(JpegSegment(
      0xe1, std::string("Exif\0\0", 6) + tiff + Little(65535, 2) + std::string(60'000, '\x01')));
  std::string comments;
  for (int i = 0; i < 60'000; ++i) comments += JpegSegment(0xfe, "c");
  files["metadata/60000-comments.jpg"] = JpegWith(comments);
}

void AddOtherKinds(Files& files) {
  files["other/empty"] = "";
  files["other/byte"] = "x";
  files["other/text.jpg"] = "This is no picture.\n";
  files["other/elf.png"] = std::string(
                               "\x7f"
                               "ELF\x02\x01\x01",
                               7) +
                           std::string(200, '\0');
  files["other/page.pdf"] = "%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF\n";
  files["other/drawing.ps"] = "%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (w) file\n";
  files["other/script.mvg"] = "push graphic-context\nfill 'url(https://127.0.0.1/x)'\n";
  files["other/script.svg"] =
      "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
  files["other/file.svg"] =
      "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
      "<svg xmlns=\"http://www.w3.org/2000/svg\"><text>&x;</text></svg>";
  std::string laughs = "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY a0 \"ha\">";
  for (int i = 1; i < 20; ++i) {
    const std::string last = "&a" + std::to_string(i - 1) + ";";
    laughs += "<!ENTITY a" + std::to_string(i) + " \"" + last + last + last + "\">";
  }
  files["other/laughs.svg"] = laughs + "]><svg xmlns=\"http://www.w3.org/2000/svg\">&a19;</svg>";
  files["other/gif-or-script.gif"] = "GIF89a/*" + std::string(200, '\0') + "*/=1;alert(1)";
  std::mt19937 random(7);
  std::string noise(64 << 10, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  files["other/noise"] = noise;
  const std::map<std::string, std::string> beginnings = {
      {"jpg", "\xff\xd8\xff\xe0"},
      {"png", kPngMagic},
      {"gif", "GIF89a"},
      {"webp", "RIFF" + Little(60000, 4) + "WEBPVP8 "},
      {"tiff", std::string("II*\0", 4)},
      {"avif", Box("ftyp", "avif" + Big(0, 4) + "avifmif1")},
      {"heic", Box("ftyp", "heic" + Big(0, 4) + "heicmif1")},
      {"jxl", Box("JXL ", "\r\n\x87\n") + Box("ftyp", "jxl " + Big(0, 4) + "jxl ")},
      {"codestream.jxl", "\xff\x0a"}};
  for (const auto& [suffix, beginning] : beginnings) {
    files["noise/after-magic." + suffix] = beginning + noise;
    files["noise/only-magic." + suffix] = beginning;
    files["noise/zeros-after-magic." + suffix] = beginning + std::string(4096, '\0');
  }
  for (const char* brand : {"avif", "heic"}) {
    std::string deep = Box("mdat", "x");
    for (int i = 0; i < 2000; ++i) deep = Box("meta", deep);
    files["bombs/deep." + std::string(brand)] =
        Box("ftyp", std::string(brand) + Big(0, 4) + brand) + deep;
  }
}

int Write(const std::string& folder) {
  if (!imageproc::InitVips().ok()) return 1;
  Files files;
  AddDamaged(files);
  AddBombs(files);
  AddMetadataBombs(files);
  AddOtherKinds(files);
  for (const auto& [name, bytes] : files) {
    const std::filesystem::path path = std::filesystem::path(folder) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    file << bytes;
    if (!file.flush()) return 1;
  }
  std::printf("%zu files\n", files.size());
  return 0;
}

}  // namespace
}  // namespace stockroom::corpus

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("hostile-corpus DIR\n", stderr);
    return 2;
  }
  return stockroom::corpus::Write(argv[1]);
}
