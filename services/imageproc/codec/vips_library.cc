#include "services/imageproc/codec/vips_library.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <string_view>
#include <vips/vips8>

#include "absl/strings/str_cat.h"
#include "services/common/base/strings.h"

namespace stockroom::imageproc {
namespace {

constexpr std::array<const char*, 9> kAllowed = {
    "VipsForeignLoadJpegBuffer",  "VipsForeignLoadPngBuffer",  "VipsForeignLoadWebpBuffer",
    "VipsForeignLoadNsgifBuffer", "VipsForeignLoadTiffBuffer", "VipsForeignLoadHeifBuffer",
    "VipsForeignSaveJpegBuffer",  "VipsForeignSavePngBuffer",  "VipsForeignSaveWebpBuffer"};

constexpr size_t kLongestError = 200;

bool IsAllowed(std::string_view type_name) {
  return std::find(kAllowed.begin(), kAllowed.end(), type_name) != kAllowed.end();
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
  if (vips_init("stockroom") != 0) {
    return absl::InternalError(absl::StrCat("libvips does not start: ", TakeVipsError()));
  }
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

void ApplyVipsAllowList() {
  vips_operation_block_set("VipsForeignLoad", TRUE);
  vips_operation_block_set("VipsForeignSave", TRUE);
  for (const char* name : kAllowed) vips_operation_block_set(name, FALSE);
}

absl::Status CheckVipsAllowList() {
  for (const char* root : {"VipsForeignLoad", "VipsForeignSave"}) {
    const GType type = g_type_from_name(root);
    if (void* offender = type == 0 ? nullptr : vips_type_map_all(type, FindOffender, nullptr)) {
      return absl::InternalError(absl::StrCat("libvips' allow-list did not take: ",
                                              g_type_name(GPOINTER_TO_SIZE(offender))));
    }
  }
  for (const char* name : kAllowed) {
    if (g_type_from_name(name) == 0) {
      return absl::InternalError(absl::StrCat("this libvips lacks ", name));
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
