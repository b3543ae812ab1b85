#include "services/imageproc/codec/vips_library.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>
#include <vips/vips8>

// Needs what the one above declares.
#include <vips/vector.h>

#include "absl/strings/str_cat.h"
#include "services/common/base/strings.h"

namespace stockroom::imageproc {
namespace {

#if defined(STOCKROOM_SERVES_EVERYDAY)
constexpr bool kServesEveryday = true;
constexpr bool kServesRare = false;
#elif defined(STOCKROOM_SERVES_RARE)
constexpr bool kServesEveryday = false;
constexpr bool kServesRare = true;
#else
constexpr bool kServesEveryday = true;
constexpr bool kServesRare = true;
#endif

constexpr const char* kSvgLoader = "VipsForeignLoadSvgBuffer";

// A libvips operation that may be used, and for which format.
struct Allowed {
  const char* operation;
  const char*
      format;  // MediaName() or FormatName(); "" in the list of loaders: for watermarks only
  bool required = true;
};

// HEIF is one loader for both AVIF and HEIC; which of them it decodes is libheif's matter.
constexpr std::array kEverydayLoaders = {
    Allowed{"VipsForeignLoadJpegBuffer", "jpeg"}, Allowed{"VipsForeignLoadPngBuffer", "png"},
    Allowed{"VipsForeignLoadWebpBuffer", "webp"}, Allowed{"VipsForeignLoadNsgifBuffer", "gif"},
    Allowed{"VipsForeignLoadTiffBuffer", "tiff"}, Allowed{"VipsForeignLoadHeifBuffer", "avif"}};
constexpr std::array kRareLoaders = {Allowed{"VipsForeignLoadHeifBuffer", "heic"},
                                     Allowed{"VipsForeignLoadJxlBuffer", "jxl", false}};
constexpr std::array kMarkLoaders = {Allowed{"VipsForeignLoadJpegBuffer", ""},
                                     Allowed{"VipsForeignLoadPngBuffer", ""},
                                     Allowed{"VipsForeignLoadWebpBuffer", ""}};
constexpr std::array kSavers = {Allowed{"VipsForeignSaveJpegBuffer", "jpeg"},
                                Allowed{"VipsForeignSavePngBuffer", "png"},
                                Allowed{"VipsForeignSaveWebpBuffer", "webp"},
                                Allowed{"VipsForeignSaveHeifBuffer", "avif", false},
                                Allowed{"VipsForeignSaveCgifBuffer", "gif", false}};

std::vector<Allowed> AllowedLoaders() {
  std::vector<Allowed> allowed(kMarkLoaders.begin(), kMarkLoaders.end());
  if (kServesEveryday) {
    allowed.insert(allowed.end(), kEverydayLoaders.begin(), kEverydayLoaders.end());
  }
  if (kServesRare) allowed.insert(allowed.end(), kRareLoaders.begin(), kRareLoaders.end());
  return allowed;
}

std::vector<Allowed> AllAllowed() {
  std::vector<Allowed> allowed = AllowedLoaders();
  allowed.insert(allowed.end(), kSavers.begin(), kSavers.end());
  return allowed;
}

constexpr size_t kLongestError = 200;

bool Exists(const Allowed& allowed) { return g_type_from_name(allowed.operation) != 0; }

bool IsAllowed(std::string_view type_name) {
  const std::vector<Allowed> all = AllAllowed();
  return std::any_of(all.begin(), all.end(),
                     [&](const Allowed& allowed) { return allowed.operation == type_name; });
}

// Returns the type as the first offender, or null to go on: the shape vips_type_map_all wants.
void* FindOffender(GType type, void*) {
  if (G_TYPE_IS_ABSTRACT(type)) return nullptr;
  auto* operation = VIPS_OPERATION_CLASS(g_type_class_ref(type));
  const bool blocked = (operation->flags & VIPS_OPERATION_BLOCKED) != 0;
  g_type_class_unref(operation);
  return blocked == IsAllowed(g_type_name(type)) ? GSIZE_TO_POINTER(type) : nullptr;
}

// libvips and its libraries warn about harmless things (an unknown colour tag) on standard error,
// where only our own log lines belong; what matters comes back as errors.
void DropLogLine(const char*, GLogLevelFlags, const char*, void*) {}

absl::Status Start() {
  g_log_set_default_handler(DropLogLine, nullptr);
  // libvips looks for its modules (HEIC among them) below this folder, and leaves its own guess of
  // it to all processes that are started later, where it may be another libvips'.
  unsetenv("VIPSHOME");
  if (vips_init("stockroom") != 0) {
    return absl::InternalError(absl::StrCat("libvips does not start: ", TakeVipsError()));
  }
  unsetenv("VIPSHOME");
#if VIPS_MAJOR_VERSION == 8 && VIPS_MINOR_VERSION < 15
  // Its vector code is compiled while it runs, into memory that is written and executed: a decoder
  // may have none such, and the compiler (orc) ends the process over that.
  vips_vector_set_enabled(FALSE);
#endif
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  ApplyVipsAllowList();
  return CheckVipsAllowList();
}

bool IsOutOfMemory(std::string_view text) {
  for (std::string_view sign : {"out of memory", "Insufficient memory", "insufficient memory",
                                "emory allocation", "llocation fail"}) {
    if (text.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

absl::Status InitVips() {
  static const absl::Status& started = *new absl::Status(Start());
  return started;
}

CodecAbilities DescribeCodec() {
  CodecAbilities abilities{
      .libvips = absl::StrCat(vips_version(0), ".", vips_version(1), ".", vips_version(2)),
      .reads = {},
      .writes = {}};
  for (const Allowed& loader : AllowedLoaders()) {
    if (*loader.format != '\0' && Exists(loader)) abilities.reads.emplace_back(loader.format);
  }
  if (kServesEveryday && g_type_from_name(kSvgLoader) != 0) abilities.reads.emplace_back("svg");
  for (const Allowed& saver : kSavers) {
    if (Exists(saver)) abilities.writes.emplace_back(saver.format);
  }
  return abilities;
}

void ApplyVipsAllowList() {
  vips_block_untrusted_set(TRUE);
  vips_operation_block_set("VipsForeignLoad", TRUE);
  vips_operation_block_set("VipsForeignSave", TRUE);
  for (const Allowed& allowed : AllAllowed()) vips_operation_block_set(allowed.operation, FALSE);
}

absl::Status AllowSvg() {
  if (!kServesEveryday || g_type_from_name(kSvgLoader) == 0) {
    return absl::InvalidArgumentError("SVG is not read here.");
  }
  vips_operation_block_set(kSvgLoader, FALSE);
  return absl::OkStatus();
}

absl::Status CheckVipsAllowList() {
  for (const char* root : {"VipsForeignLoad", "VipsForeignSave"}) {
    const GType type = g_type_from_name(root);
    if (void* offender = type == 0 ? nullptr : vips_type_map_all(type, FindOffender, nullptr)) {
      return absl::InternalError(absl::StrCat("libvips' allow-list did not take: ",
                                              g_type_name(GPOINTER_TO_SIZE(offender))));
    }
  }
  for (const Allowed& allowed : AllAllowed()) {
    if (allowed.required && !Exists(allowed)) {
      return absl::InternalError(absl::StrCat("this libvips lacks ", allowed.operation));
    }
  }
  // The flags above are libvips' inner matter; this is what they are meant to achieve.
  constexpr std::string_view kSvg =
      "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>";
  if (VipsImage* drawn = vips_image_new_from_buffer(kSvg.data(), kSvg.size(), "", nullptr)) {
    g_object_unref(drawn);
    return absl::InternalError("libvips still reads SVG");
  }
  vips_error_clear();
  return absl::OkStatus();
}

std::string TakeVipsError() {
  std::string text = vips_error_buffer();
  vips_error_clear();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  text = text.substr(0, kLongestError);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = ' ';
  }
  return text;
}

absl::Status CurrentVipsFailure(const std::string& doing) {
  std::string text;
  try {
    throw;
  } catch (const std::bad_alloc&) {
    text = "out of memory";
  } catch (const std::exception& error) {
    text = TakeVipsError();
    if (text.empty()) text = std::string(error.what()).substr(0, kLongestError);
  }
  if (IsOutOfMemory(text)) {
    return absl::OutOfRangeError(
        absl::StrCat(doing, " needs more memory than a decoder may use (", text, ")"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(doing, " failed, the file is damaged or cut short: ", text));
}

}  // namespace stockroom::imageproc
