#include "tools/stockroom/records.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "tools/stockroom/text.h"

namespace stockroom::cli {
namespace {

using google::protobuf::Timestamp;

absl::Time ToTime(const Timestamp& t) {
  return absl::FromUnixSeconds(t.seconds()) + absl::Nanoseconds(t.nanos());
}

// A photograph's date first, as search does; a "?" would only be noise.
std::string DateOf(const v1::Image& image) {
  const Timestamp& t = image.has_taken_time() ? image.taken_time() : image.create_time();
  return absl::FormatTime("%Y-%m-%d", ToTime(t), absl::UTCTimeZone());
}

std::string PixelsOf(int width, int height) {
  return width == 0 ? "" : absl::StrCat(width, "x", height);
}

std::string TitleOf(const v1::Image& image) {
  return image.title().empty() ? image.filename() : image.title();
}

Style StyleOf(v1::State state) {
  if (state == v1::FAILED || state == v1::REJECTED) return Style::kBad;
  if (state == v1::FLAGGED) return Style::kWarning;
  return state == v1::READY ? Style::kPlain : Style::kDim;
}

constexpr int kRoomForDate = 96;
constexpr int kRoomForTags = 124;

}  // namespace

nlohmann::ordered_json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) return {{"error", "this answer has no JSON form"}};
  return nlohmann::ordered_json::parse(text, nullptr, false);
}

std::string_view StateName(v1::State state) {
  switch (state) {
    case v1::UPLOADING:
      return "uploading";
    case v1::PENDING:
      return "pending";
    case v1::PROCESSING:
      return "processing";
    case v1::READY:
      return "ready";
    case v1::FLAGGED:
      return "flagged";
    case v1::REJECTED:
      return "rejected";
    case v1::FAILED:
      return "failed";
    default:
      return "unknown";
  }
}

std::string_view VisibilityName(v1::Visibility value) {
  switch (value) {
    case v1::PUBLIC:
      return "public";
    case v1::UNLISTED:
      return "unlisted";
    case v1::PRIVATE:
      return "private";
    default:
      return "unknown";
  }
}

ImageTable::ImageTable(Output& out, Extra extra)
    : out_(out),
      extra_(extra),
      with_date_(!out.options().out_is_terminal || out.options().width >= kRoomForDate),
      with_tags_(!out.options().out_is_terminal || out.options().width >= kRoomForTags),
      table_(out, Choose()) {}

std::vector<Column> ImageTable::Choose() const {
  std::vector<Column> columns = {{.title = "ID", .min_width = 36}};
  if (extra_ == Extra::kState) columns.push_back({.title = "STATE", .min_width = 7});
  if (extra_ == Extra::kSimilar) {
    columns.push_back({.title = "SIMILAR", .min_width = 7, .right = true});
  }
  if (with_date_) columns.push_back({.title = "DATE", .min_width = 10});
  columns.push_back({.title = "PIXELS", .min_width = 9, .right = true});
  columns.push_back({.title = "BYTES", .min_width = 6, .right = true});
  columns.push_back({.title = "TITLE", .min_width = 12, .flexible = true});
  if (with_tags_) columns.push_back({.title = "TAGS", .min_width = 8, .flexible = true});
  return columns;
}

void ImageTable::Add(const v1::Image& image, const v1::SearchHit* hit) {
  if (out_.json()) {
    nlohmann::ordered_json record = ToJson(image);
    if (hit != nullptr) record["hit"] = ToJson(*hit);
    return out_.Json(record);
  }
  std::vector<std::string> cells = {image.id()};
  if (extra_ == Extra::kState) cells.emplace_back(StateName(image.state()));
  if (extra_ == Extra::kSimilar) {
    const int64_t similar = hit == nullptr ? 0 : hit->similar_count();
    cells.push_back(similar == 0 ? "" : absl::StrCat("+", similar));
  }
  if (with_date_) cells.push_back(DateOf(image));
  cells.push_back(PixelsOf(image.width(), image.height()));
  // Programs count, people compare.
  cells.push_back(out_.options().out_is_terminal ? HumanBytes(image.size_bytes())
                                                 : absl::StrCat(image.size_bytes()));
  cells.push_back(TitleOf(image));
  if (with_tags_) cells.push_back(absl::StrJoin(image.tags(), ", "));
  table_.Add(std::move(cells), StyleOf(image.state()));
}

void ImageTable::Flush() { table_.Flush(); }

namespace {

constexpr int kLabel = 13;

class Page {
 public:
  explicit Page(Output& out) : out_(out) {}

  // Strangers' words, wrapped under the label.
  void Field(std::string_view label, const std::string& value, Style style = Style::kPlain) {
    if (value.empty()) return;
    const int room = std::max(20, out_.options().width - kLabel - 1);
    std::string rest = OneLine(value);
    bool first = true;
    while (!rest.empty()) {
      std::string line = rest;
      if (out_.options().out_is_terminal && Columns(rest) > room) line = FirstLine(rest, room);
      const std::string head = out_.Paint(Style::kDim, Fit(first ? label : "", kLabel));
      out_.Line(head + out_.Paint(style, line));
      rest.erase(0, line.size());
      rest.erase(0, rest.find_first_not_of(' '));
      first = false;
    }
  }
  void Url(std::string_view label, const std::string& url) {
    if (!url.empty()) out_.Line(out_.Paint(Style::kDim, Fit(label, kLabel)) + OneLine(url));
  }

 private:
  // As much as fits, ended at a blank if there is one in the second half.
  static std::string FirstLine(const std::string& text, int room) {
    std::string line = Cut(text, room + 1);
    line.resize(line.size() - std::string_view("…").size());
    const size_t blank = line.rfind(' ');
    if (blank != std::string::npos && blank > line.size() / 2) line.resize(blank);
    return line.empty() ? text : line;
  }

  Output& out_;
};

std::string When(const Timestamp& t) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", ToTime(t), absl::UTCTimeZone());
}

// A processor's result as people compare it: short ones whole, long ones by their size.
std::string Summary(const google::protobuf::Value& value) {
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(value, &text).ok()) return "";
  constexpr size_t kShown = 400;
  if (text.size() <= kShown) return text;
  return absl::StrCat(HumanBytes(static_cast<int64_t>(text.size())), " of JSON (--json shows it)");
}

}  // namespace

void PrintImage(Output& out, const v1::Image& image, const std::string& gateway) {
  Page page(out);
  page.Field("id", image.id(), Style::kBold);
  page.Field("title", image.title());
  page.Field("description", image.description());
  page.Field("tags", absl::StrJoin(image.tags(), ", "));
  page.Field("license", image.license());
  for (const auto& [key, value] :
       std::map<std::string, std::string>(image.attributes().begin(), image.attributes().end())) {
    page.Field("attribute", absl::StrCat(key, " = ", value));
  }
  page.Field("state",
             absl::StrCat(std::string(StateName(image.state())), ", ",
                          std::string(VisibilityName(image.visibility()))),
             StyleOf(image.state()));
  page.Field("failure", image.failure_reason(), Style::kBad);
  page.Field("owner", image.owner());
  page.Field("file", image.filename());
  std::string picture = image.format();
  if (image.width() > 0) {
    absl::StrAppend(&picture, ", ", PixelsOf(image.width(), image.height()), ", ",
                    absl::StrFormat("%.1f", 1e-6 * image.width() * image.height()), " MP");
  }
  if (image.frames() > 1) absl::StrAppend(&picture, ", ", Plural(image.frames(), "frame"));
  page.Field("picture", picture);
  page.Field("size", absl::StrCat(HumanBytes(image.size_bytes()), " (",
                                  HumanCount(image.size_bytes()), " bytes)"));
  page.Field("sha256", image.sha256());
  if (image.has_taken_time()) page.Field("taken", When(image.taken_time()));
  page.Field("uploaded", When(image.create_time()));
  if (image.revision() > 1) {
    page.Field("changed", absl::StrCat(When(image.update_time()), ", revision ", image.revision()));
  }
  page.Url("original", image.original_url().empty() ? "" : gateway + image.original_url());
  for (const v1::Rendition& rendition : image.renditions()) {
    page.Field(rendition.preset(), absl::StrCat(rendition.format(), ", ",
                                                PixelsOf(rendition.width(), rendition.height()),
                                                ", ", HumanBytes(rendition.size_bytes())));
    page.Url("", gateway + rendition.url());
  }
  for (const auto& [name, value] : std::map<std::string, google::protobuf::Value>(
           image.analysis().fields().begin(), image.analysis().fields().end())) {
    page.Field(name, Summary(value));
  }
}

}  // namespace stockroom::cli
