#include "services/imageproc/codec/jpeg_planes.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <jerror.h>
#include <jpeglib.h>

#include "absl/strings/str_cat.h"
#include "services/imageproc/codec/jpeg_baseline.h"

namespace stockroom::imageproc {
namespace {

// Each scan of a progressive file passes over all of its coefficients: a small file may ask for
// thousands. Encoders make about ten.
constexpr int kMaxScans = 100;
constexpr long kMaxCoefficientBytes = 400L << 20;  // of a progressive file
constexpr int kMaxPlanes = 3;
constexpr double kMostUneven = 4;

// libjpeg reports an error by not returning from this; every call into it stands in a function
// without destructors that set `back`.
struct Trap {
  jpeg_error_mgr manager;
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void Leave(j_common_ptr common) {
  auto* trap = reinterpret_cast<Trap*>(common->err);
  trap->manager.format_message(common, trap->message);
  std::longjmp(trap->back, 1);
}

// Warnings are about damaged data, which nobody shall take for whole, or about what is merely odd:
// who falls back to libvips looks closer.
void OnMessage(j_common_ptr common, int level) {
  if (level < 0) Leave(common);
}

void CountScans(j_common_ptr common) {
  auto* decoder = reinterpret_cast<j_decompress_ptr>(common);
  if (decoder->input_scan_number > kMaxScans) ERREXIT(decoder, JERR_BAD_PROGRESSION);
}

void SetTrap(Trap& trap) {
  jpeg_std_error(&trap.manager);
  trap.manager.error_exit = Leave;
  trap.manager.emit_message = OnMessage;
  trap.message[0] = '\0';
}

int CeilDiv(int64_t value, int64_t by) { return static_cast<int>((value + by - 1) / by); }

// One file that is read. Every method returns false after an error; error() has it then.
class Reader {
 public:
  Reader() {
    SetTrap(trap_);
    decoder_.err = &trap_.manager;
    progress_.progress_monitor = CountScans;
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { jpeg_destroy_decompress(&decoder_); }

  bool ReadHeader(std::string_view bytes) {
    if (setjmp(trap_.back) != 0) return false;
    jpeg_create_decompress(&decoder_);
    decoder_.progress = &progress_;
    decoder_.mem->max_memory_to_use = kMaxCoefficientBytes;
    jpeg_mem_src(&decoder_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&decoder_, TRUE);
    return true;
  }

  // A progressive file is read as a whole here.
  bool Start(int scale) {
    if (setjmp(trap_.back) != 0) return false;
    decoder_.scale_num = static_cast<unsigned>(scale);
    decoder_.scale_denom = DCTSIZE;
    decoder_.raw_data_out = TRUE;
    decoder_.out_color_space = decoder_.jpeg_color_space;
    jpeg_start_decompress(&decoder_);
    return true;
  }

  // One row of blocks of every plane into `rows`.
  bool ReadBlocks(JSAMPIMAGE rows) {
    if (setjmp(trap_.back) != 0) return false;
    const auto lines =
        static_cast<JDIMENSION>(decoder_.max_v_samp_factor * decoder_.min_DCT_scaled_size);
    jpeg_read_raw_data(&decoder_, rows, lines);
    return true;
  }
  bool AtEnd() const { return decoder_.output_scanline >= decoder_.output_height; }

  // Looks for the end of the file.
  bool Finish() {
    if (setjmp(trap_.back) != 0) return false;
    jpeg_finish_decompress(&decoder_);
    return true;
  }

  const jpeg_decompress_struct& state() const { return decoder_; }
  // What lies behind the headers. Requires that only ReadHeader was called.
  std::string_view rest() const {
    return {reinterpret_cast<const char*>(decoder_.src->next_input_byte),
            decoder_.src->bytes_in_buffer};
  }
  absl::Status error() const {
    return absl::InvalidArgumentError(absl::StrCat("The JPEG cannot be read: ", trap_.message));
  }

 private:
  jpeg_decompress_struct decoder_ = {};
  jpeg_progress_mgr progress_ = {};
  Trap trap_ = {};
};

class Writer {
 public:
  Writer() {
    SetTrap(trap_);
    encoder_.err = &trap_.manager;
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    jpeg_destroy_compress(&encoder_);
    // Of one that failed, only libjpeg knows what it has freed itself; the process ends soon.
    if (finished_) std::free(bytes_);
  }

  bool Start(const PlanarPicture& picture, const JpegStyle& style) {
    if (setjmp(trap_.back) != 0) return false;
    jpeg_create_compress(&encoder_);
    jpeg_mem_dest(&encoder_, &bytes_, &size_);
    encoder_.image_width = static_cast<JDIMENSION>(picture.size.width);
    encoder_.image_height = static_cast<JDIMENSION>(picture.size.height);
    encoder_.input_components = static_cast<int>(picture.planes.size());
    encoder_.in_color_space = picture.planes.size() == 1 ? JCS_GRAYSCALE : JCS_YCbCr;
    jpeg_set_defaults(&encoder_);
    jpeg_set_quality(&encoder_, style.quality, TRUE);
    if (picture.layout == ChromaLayout::kFull) {
      encoder_.comp_info[0].h_samp_factor = encoder_.comp_info[0].v_samp_factor = 1;
    }
    encoder_.optimize_coding = style.optimize ? TRUE : FALSE;
    encoder_.raw_data_in = TRUE;
    jpeg_start_compress(&encoder_, TRUE);
    return true;
  }

  bool WriteBlocks(JSAMPIMAGE rows) {
    if (setjmp(trap_.back) != 0) return false;
    jpeg_write_raw_data(&encoder_, rows,
                        static_cast<JDIMENSION>(encoder_.max_v_samp_factor * DCTSIZE));
    return true;
  }

  bool Finish() {
    if (setjmp(trap_.back) != 0) return false;
    jpeg_finish_compress(&encoder_);
    finished_ = true;
    return true;
  }

  const jpeg_compress_struct& state() const { return encoder_; }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_), size_}; }
  absl::Status error() const {
    return absl::InternalError(absl::StrCat("The JPEG cannot be written: ", trap_.message));
  }

 private:
  jpeg_compress_struct encoder_ = {};
  Trap trap_ = {};
  unsigned char* bytes_ = nullptr;
  unsigned long size_ = 0;
  bool finished_ = false;
};

// The rows of one row of blocks of every plane, as libjpeg wants them.
class BlockRows {
 public:
  explicit BlockRows(size_t planes) : rows_(planes), samples_(planes), image_(planes) {}

  void Set(size_t plane, int width, int height) {
    samples_[plane].assign(size_t(width) * size_t(height), 0);
    rows_[plane].clear();
    for (int y = 0; y < height; ++y) {
      rows_[plane].push_back(&samples_[plane][size_t(y) * size_t(width)]);
    }
    image_[plane] = rows_[plane].data();
  }
  JSAMPIMAGE image() { return image_.data(); }
  JSAMPARRAY plane(size_t index) { return image_[index]; }
  int height(size_t index) const { return static_cast<int>(rows_[index].size()); }

 private:
  std::vector<std::vector<JSAMPROW>> rows_;
  std::vector<std::vector<JSAMPLE>> samples_;
  std::vector<JSAMPARRAY> image_;
};

bool IsPlain(const jpeg_decompress_struct& header) {
  if (header.data_precision != 8 || header.arith_code) return false;
  if (header.jpeg_color_space == JCS_GRAYSCALE) return header.num_components == 1;
  if (header.jpeg_color_space != JCS_YCbCr || header.num_components != kMaxPlanes) return false;
  const jpeg_component_info* plane = header.comp_info;
  return plane[0].h_samp_factor <= 2 && plane[0].v_samp_factor <= 2 &&
         plane[1].h_samp_factor == 1 && plane[1].v_samp_factor == 1 &&
         plane[2].h_samp_factor == 1 && plane[2].v_samp_factor == 1;
}

JpegFacts FactsOf(const jpeg_decompress_struct& header) {
  return {.size = {static_cast<int>(header.image_width), static_cast<int>(header.image_height)},
          .progressive = header.progressive_mode != 0,
          .plain = IsPlain(header)};
}

int DecodedSide(int full, int sampling, int most, int size) {
  return CeilDiv(int64_t{full} * sampling * size, int64_t{most} * DCTSIZE);
}

// `size`: samples of a decoded block's side; `pitch`: pixels of the result for each sample of its
// plane.
AxisMap MapAxis(int full, int target, int sampling, int most, int size, int pitch) {
  const double density = double(sampling) * size / (double(most) * DCTSIZE);
  return {.from = DecodedSide(full, sampling, most, size),
          .to = CeilDiv(target, pitch),
          .step = density * pitch * full / target,
          .origin = 0};
}

// What becomes of one plane.
struct PlanePlan {
  AxisMap x;
  AxisMap y;
};

PlanePlan PlanPlane(const jpeg_decompress_struct& header, int index, int size, Size target,
                    int pitch) {
  const jpeg_component_info& plane = header.comp_info[index];
  return {MapAxis(static_cast<int>(header.image_width), target.width, plane.h_samp_factor,
                  header.max_h_samp_factor, size, pitch),
          MapAxis(static_cast<int>(header.image_height), target.height, plane.v_samp_factor,
                  header.max_v_samp_factor, size, pitch)};
}

// The smallest decoded size of its blocks that still has a sample for each of the result.
int BlockSize(const jpeg_decompress_struct& header, int index, Size target, int pitch) {
  for (const int size : {1, 2, 4}) {
    const PlanePlan plan = PlanPlane(header, index, size, target, pitch);
    if (plan.x.step >= 1 && plan.y.step >= 1) return size;
  }
  return DCTSIZE;
}

int PitchOf(size_t index, ChromaLayout layout) {
  return index > 0 && layout == ChromaLayout::kHalved ? 2 : 1;
}

HuffmanCodes CodesOf(const JHUFF_TBL& table) {
  HuffmanCodes codes;
  std::copy_n(table.bits, codes.count.size(), codes.count.begin());
  std::copy_n(table.huffval, codes.symbol.size(), codes.symbol.begin());
  return codes;
}

// Nullopt: the file is not one scan of Huffman codes that have all planes.
std::optional<BaselineScan> BaselineOf(const jpeg_decompress_struct& header, Size target,
                                       ChromaLayout layout) {
  if (header.progressive_mode || header.comps_in_scan != header.num_components) return {};
  const bool grey = header.num_components == 1;  // its blocks lie one by one
  const int across = (grey ? 1 : header.max_h_samp_factor) * DCTSIZE;
  const int down = (grey ? 1 : header.max_v_samp_factor) * DCTSIZE;
  BaselineScan scan{.units_across = CeilDiv(header.image_width, across),
                    .units_down = CeilDiv(header.image_height, down),
                    .restart_interval = static_cast<int>(header.restart_interval),
                    .planes = {}};
  for (int i = 0; i < header.num_components; ++i) {
    const jpeg_component_info& plane = header.comp_info[i];
    if (header.cur_comp_info[i] != &plane) return {};
    // libjpeg looks at these only when it decodes.
    for (const int table : {plane.quant_tbl_no, plane.dc_tbl_no, plane.ac_tbl_no}) {
      if (table < 0 || table >= NUM_HUFF_TBLS) return {};
    }
    const JQUANT_TBL* steps = header.quant_tbl_ptrs[plane.quant_tbl_no];
    const JHUFF_TBL* dc = header.dc_huff_tbl_ptrs[plane.dc_tbl_no];
    const JHUFF_TBL* ac = header.ac_huff_tbl_ptrs[plane.ac_tbl_no];
    if (steps == nullptr || dc == nullptr || ac == nullptr) return {};
    BaselinePlane& out = scan.planes.emplace_back();
    out.across = grey ? 1 : plane.h_samp_factor;
    out.down = grey ? 1 : plane.v_samp_factor;
    out.size = BlockSize(header, i, target, PitchOf(size_t(i), layout));
    std::copy_n(steps->quantval, out.quantisation.size(), out.quantisation.begin());
    out.dc = CodesOf(*dc);
    out.ac = CodesOf(*ac);
  }
  return scan;
}

PlaneResizer MakeResizer(const jpeg_decompress_struct& header, int index, int size, Size target,
                         ChromaLayout layout) {
  const PlanePlan plan =
      PlanPlane(header, index, size, target, PitchOf(static_cast<size_t>(index), layout));
  return PlaneResizer(plan.x, plan.y);
}

absl::Status DecodeWithLibjpeg(Reader& reader, Size target, ChromaLayout layout,
                               std::vector<PlaneResizer>& resizers) {
  // It scales luma and chroma together.
  if (!reader.Start(BlockSize(reader.state(), 0, target, 1))) return reader.error();
  const jpeg_decompress_struct& state = reader.state();
  const auto planes = static_cast<size_t>(state.num_components);
  BlockRows blocks(planes);
  for (size_t i = 0; i < planes; ++i) {
    const jpeg_component_info& plane = state.comp_info[i];
    resizers.push_back(
        MakeResizer(state, static_cast<int>(i), plane.DCT_scaled_size, target, layout));
    blocks.Set(i, static_cast<int>(plane.width_in_blocks) * plane.DCT_scaled_size,
               plane.v_samp_factor * plane.DCT_scaled_size);
  }
  while (!reader.AtEnd()) {
    if (!reader.ReadBlocks(blocks.image())) return reader.error();
    for (size_t i = 0; i < planes; ++i) {
      for (int y = 0; y < blocks.height(i); ++y) resizers[i].Push(blocks.plane(i)[y]);
    }
  }
  if (!reader.Finish()) return reader.error();
  return absl::OkStatus();
}

// Copies one row of blocks out of a plane; its last column and row go on to the right and below.
void FillBlocks(const Plane& plane, int top, int width, int height, JSAMPARRAY rows) {
  for (int y = 0; y < height; ++y) {
    const uint8_t* from = plane.row(std::min(top + y, plane.height - 1));
    std::copy_n(from, plane.width, rows[y]);
    std::fill(rows[y] + plane.width, rows[y] + width, from[plane.width - 1]);
  }
}

}  // namespace

absl::StatusOr<JpegFacts> ReadJpegFacts(std::string_view bytes) {
  Reader reader;
  if (!reader.ReadHeader(bytes)) return reader.error();
  return FactsOf(reader.state());
}

bool CanResizeInPlanes(const JpegFacts& facts, Size target) {
  if (!facts.plain || target.width < 1 || target.height < 1 || target.width > facts.size.width ||
      target.height > facts.size.height) {
    return false;
  }
  // Otherwise one axis could need all rows at once while the other stays as large as it is.
  const double across = static_cast<double>(facts.size.width) / target.width;
  const double down = static_cast<double>(facts.size.height) / target.height;
  return std::max(across, down) <= kMostUneven * std::min(across, down);
}

ChromaLayout LayoutFor(int quality) {
  return quality <= 90 ? ChromaLayout::kHalved : ChromaLayout::kFull;
}

absl::StatusOr<PlanarPicture> DecodePlanes(std::string_view bytes, Size target,
                                           ChromaLayout layout) {
  Reader reader;
  if (!reader.ReadHeader(bytes)) return reader.error();
  const JpegFacts facts = FactsOf(reader.state());
  if (!CanResizeInPlanes(facts, target)) {
    return absl::FailedPreconditionError("This JPEG cannot be resized in planes.");
  }
  std::vector<PlaneResizer> resizers;
  absl::Status decoded;
  if (const auto scan = BaselineOf(reader.state(), target, layout)) {
    for (size_t i = 0; i < scan->planes.size(); ++i) {
      resizers.push_back(
          MakeResizer(reader.state(), static_cast<int>(i), scan->planes[i].size, target, layout));
    }
    decoded = DecodeBaseline(*scan, reader.rest(), resizers);
  } else {
    decoded = DecodeWithLibjpeg(reader, target, layout, resizers);
  }
  if (!decoded.ok()) return decoded;
  PlanarPicture picture{.size = target, .layout = layout, .planes = {}};
  for (PlaneResizer& resizer : resizers) {
    if (!resizer.done()) return absl::InternalError("A plane of the JPEG is not whole.");
    picture.planes.push_back(resizer.Take());
  }
  return picture;
}

absl::StatusOr<std::string> EncodePlanes(const PlanarPicture& picture, const JpegStyle& style) {
  Writer writer;
  if (!writer.Start(picture, style)) return writer.error();
  const jpeg_compress_struct& state = writer.state();
  BlockRows blocks(picture.planes.size());
  for (size_t i = 0; i < picture.planes.size(); ++i) {
    const jpeg_component_info& plane = state.comp_info[i];
    const int step = state.max_h_samp_factor * DCTSIZE;
    blocks.Set(i, CeilDiv(picture.size.width, step) * plane.h_samp_factor * DCTSIZE,
               plane.v_samp_factor * DCTSIZE);
  }
  const int rows = CeilDiv(picture.size.height, state.max_v_samp_factor * DCTSIZE);
  for (int row = 0; row < rows; ++row) {
    for (size_t i = 0; i < picture.planes.size(); ++i) {
      const int step = state.max_h_samp_factor * DCTSIZE;
      const int width =
          CeilDiv(picture.size.width, step) * state.comp_info[i].h_samp_factor * DCTSIZE;
      FillBlocks(picture.planes[i], row * blocks.height(i), width, blocks.height(i),
                 blocks.plane(i));
    }
    if (!writer.WriteBlocks(blocks.image())) return writer.error();
  }
  if (!writer.Finish()) return writer.error();
  return std::string(writer.bytes());
}

absl::StatusOr<std::string> ResizeJpeg(std::string_view bytes, Size target,
                                       const JpegStyle& style) {
  absl::StatusOr<PlanarPicture> picture = DecodePlanes(bytes, target, LayoutFor(style.quality));
  if (!picture.ok()) return picture.status();
  return EncodePlanes(*picture, style);
}

}  // namespace stockroom::imageproc
