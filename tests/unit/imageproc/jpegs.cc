#include "tests/unit/imageproc/jpegs.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

namespace stockroom::imageproc::testing {
namespace {

using Colors = JpegKind::Colors;

uint8_t Sample(const JpegKind& kind, int x, int y, int band) {
  if (kind.noise) {
    const uint32_t mixed =
        (uint32_t(x) * 2654435761U) ^ (uint32_t(y) * 40503U) ^ (uint32_t(band) * 97U);
    return static_cast<uint8_t>((mixed * 2246822519U) >> 24);
  }
  switch (band) {
    case 0:
      return static_cast<uint8_t>(x * 255 / kind.width);
    case 1:
      return static_cast<uint8_t>(y * 255 / kind.height);
    default:
      return 128;
  }
}

void SetColors(jpeg_compress_struct& encoder, const JpegKind& kind) {
  switch (kind.colors) {
    case Colors::kGrey:
      encoder.input_components = 1;
      encoder.in_color_space = JCS_GRAYSCALE;
      break;
    case Colors::kCmyk:
      encoder.input_components = 4;
      encoder.in_color_space = JCS_CMYK;
      break;
    default:
      encoder.input_components = 3;
      encoder.in_color_space = JCS_RGB;
  }
  jpeg_set_defaults(&encoder);
  if (kind.colors == Colors::kRgb) jpeg_set_colorspace(&encoder, JCS_RGB);
  if (kind.colors == Colors::kYcc) {
    encoder.comp_info[0].h_samp_factor = kind.horizontal;
    encoder.comp_info[0].v_samp_factor = kind.vertical;
  }
}

// Every coefficient of every plane in a scan of its own.
std::vector<jpeg_scan_info> ManyScans() {
  std::vector<jpeg_scan_info> scans = {{3, {0, 1, 2, 0}, 0, 0, 0, 0}};
  for (int plane = 0; plane < 3; ++plane) {
    for (int i = 1; i < 64; ++i) scans.push_back({1, {plane, 0, 0, 0}, i, i, 0, 0});
  }
  return scans;
}

}  // namespace

std::string MakeJpeg(const JpegKind& kind) {
  jpeg_compress_struct encoder = {};
  jpeg_error_mgr errors;
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&encoder, &bytes, &size);
  encoder.image_width = static_cast<JDIMENSION>(kind.width);
  encoder.image_height = static_cast<JDIMENSION>(kind.height);
  SetColors(encoder, kind);
  jpeg_set_quality(&encoder, kind.quality, TRUE);
  encoder.restart_interval = static_cast<unsigned>(kind.restart_interval);
  encoder.optimize_coding = kind.optimize ? TRUE : FALSE;
  if (kind.progressive) jpeg_simple_progression(&encoder);
  const std::vector<jpeg_scan_info> scans = ManyScans();
  if (kind.many_scans) {
    encoder.scan_info = scans.data();
    encoder.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&encoder, TRUE);
  std::vector<uint8_t> row(size_t(kind.width) * size_t(encoder.input_components));
  for (int y = 0; y < kind.height; ++y) {
    size_t at = 0;
    for (int x = 0; x < kind.width; ++x) {
      for (int band = 0; band < encoder.input_components; ++band) {
        row[at++] = Sample(kind, x, y, band);
      }
    }
    JSAMPROW rows[] = {row.data()};
    jpeg_write_scanlines(&encoder, rows, 1);
  }
  jpeg_finish_compress(&encoder);
  std::string jpeg(reinterpret_cast<const char*>(bytes), size);
  jpeg_destroy_compress(&encoder);
  std::free(bytes);
  return jpeg;
}

std::vector<RawPlane> ReadRawPlanes(const std::string& jpeg) {
  jpeg_decompress_struct decoder = {};
  jpeg_error_mgr errors;
  decoder.err = jpeg_std_error(&errors);
  static thread_local std::jmp_buf back;
  errors.error_exit = [](j_common_ptr) { std::longjmp(back, 1); };
  errors.emit_message = [](j_common_ptr common, int level) {
    if (level < 0) common->err->error_exit(common);
  };
  std::vector<RawPlane> planes;
  std::vector<std::vector<JSAMPROW>> rows;
  std::vector<std::vector<JSAMPLE>> samples;
  std::vector<JSAMPARRAY> image;
  if (setjmp(back) != 0) {
    jpeg_destroy_decompress(&decoder);
    return {};
  }
  jpeg_create_decompress(&decoder);
  jpeg_mem_src(&decoder, reinterpret_cast<const unsigned char*>(jpeg.data()), jpeg.size());
  jpeg_read_header(&decoder, TRUE);
  decoder.raw_data_out = TRUE;
  decoder.do_fancy_upsampling = FALSE;
  jpeg_start_decompress(&decoder);
  for (int i = 0; i < decoder.num_components; ++i) {
    const jpeg_component_info& plane = decoder.comp_info[i];
    const size_t stride = plane.width_in_blocks * DCTSIZE;
    const size_t height = size_t(plane.v_samp_factor) * DCTSIZE;
    samples.emplace_back(stride * height);
    rows.emplace_back();
    for (size_t y = 0; y < height; ++y) rows.back().push_back(&samples.back()[y * stride]);
    planes.push_back({static_cast<int>(plane.downsampled_width),
                      static_cast<int>(plane.downsampled_height),
                      {}});
  }
  for (auto& of_plane : rows) image.push_back(of_plane.data());
  while (decoder.output_scanline < decoder.output_height) {
    jpeg_read_raw_data(&decoder, image.data(),
                       static_cast<JDIMENSION>(decoder.max_v_samp_factor * DCTSIZE));
    for (size_t i = 0; i < planes.size(); ++i) {
      for (const JSAMPROW row : rows[i]) {
        const size_t width = size_t(planes[i].width);
        if (planes[i].samples.size() == width * size_t(planes[i].height)) break;
        planes[i].samples.insert(planes[i].samples.end(), row, row + width);
      }
    }
  }
  jpeg_finish_decompress(&decoder);
  jpeg_destroy_decompress(&decoder);
  return planes;
}

}  // namespace stockroom::imageproc::testing
