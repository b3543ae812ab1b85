// Search queries from hostile hands: refused with a position, or read back from their canonical
// text as the same query.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "services/api/search/query/check.h"
#include "services/api/search/query/query_parser.h"
#include "services/api/search/query/words.h"
#include "services/api/search/text/highlight.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "tests/fuzz/target.h"

namespace {

using stockroom::api::CanonicalText;
using stockroom::api::ParseSearchQuery;
using stockroom::api::Query;

void Require(bool holds, std::string_view what, std::string_view text) {
  if (holds) return;
  std::fprintf(stderr, "broken: %.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(text.size()), text.data());
  std::abort();
}

void TryRefusal(const absl::Status& status, std::string_view text) {
  const stockroom::ErrorDetails details = stockroom::DetailsOf(status);
  const auto position = details.metadata.find("position");
  Require(position != details.metadata.end(), "a position", text);
  const size_t at = std::stoul(position->second);
  Require(at >= 1 && at <= text.size() + 1, "a position in the text", text);
  Require(details.reason.starts_with("QUERY_"), "a reason", text);
  const std::string_view message(status.message().data(), status.message().size());
  Require(stockroom::IsCleanUtf8(message), "a message that can be shown", text);
}

// Spans are in the text, of leaves one after the other; what stood there twice has none.
void TrySpans(const Query& query, std::string_view text) {
  if (query.IsEverything()) return;
  size_t last = 0;
  stockroom::api::VisitLeaves(query, [&](const auto& leaf, bool) {
    if (leaf.span.end == 0) return;
    Require(
        leaf.span.begin >= last && leaf.span.end > leaf.span.begin && leaf.span.end <= text.size(),
        "spans in order", text);
    last = leaf.span.end;
  });
}

void TryWords(const Query& query, const std::string& text) {
  stockroom::api::Image image;
  image.described.title = text;
  image.described.description = text + " " + text;
  for (const auto& highlight : stockroom::api::HighlightsOf(image, query, "english")) {
    uint32_t last = 0;
    for (const auto& [begin, end] : highlight.ranges) {
      Require(begin >= last && end > begin && end <= highlight.text.size(), "ranges", text);
      last = end;
    }
    Require(stockroom::IsCleanUtf8(highlight.text), "whole characters", text);
  }
  std::vector<stockroom::api::WordChange> changes;
  for (const auto& word : stockroom::api::PositiveWords(query)) changes.push_back({word, "fox"});
  if (changes.empty()) return;
  const auto changed = ParseSearchQuery(ReplaceWords(text, query, changes), 40000);
  const auto canonical = ParseSearchQuery(ReplaceWords("", query, changes), 40000);
  Require(changed.ok() && canonical.ok() && *changed == *canonical, "words replaced", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto query = ParseSearchQuery(text);
  if (!query.ok()) {
    TryRefusal(query.status(), text);
    return 0;
  }
  TrySpans(*query, text);
  const std::string canonical = CanonicalText(*query);
  const auto again = ParseSearchQuery(canonical, stockroom::api::kMaxCanonicalBytes);
  Require(again.ok(), "canonical text that is read", canonical);
  Require(*again == *query && CanonicalText(*again) == canonical, "the same query again", text);
  const auto checked = stockroom::api::CheckQuery(*query);
  Require(checked.ok() && *checked == *query, "a query that obeys the rules", text);
  TryWords(*query, text);
  return 0;
}

std::vector<std::string> FuzzSeeds() {
  return {
      "red fox \"red fox\" fox* foxs~1 (a OR b) NOT c -d",
      "tags:a,\"b c\"* tag:(snow OR ice -\"x\") title:foxs~2* in:title,tag:\"a b\"",
      "w>=3000 h:1000..2000 mp>12.5 size<2mib width=5 taken:2024-02 created>=2024-01-01T10:00",
      "date:*-12-2020 from:01-01-2020 to:2020 date:2024-01..2024-06 "
      "created<=2024-01-01T10:00:00.5Z",
      "near:52.5,13.4,10km has:none(tags) -has:gps color:teal color:#ff8000",
      "owner:\"A b\" license:cc* camera:\"canon eos\" state:re* orientation:square type:jpg",
      "similar:0190a5d0-0000-7000-8000-00000000000a~5 md5:d41d8cd98f00b204e9800998ecf8427e",
      "hash:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef~3 desc:\"in (the\"",
      "tags:a,\"ba\"c\"bt *\"~g a-\"b\"~0~1",
      "-(a OR -(b && (c || img_(1).jpg))) * -* \u00c9cole \u5bcc\u58eb\u5c71 \ufb01n \uff02 "
      "e\u0301"};
}
