// Forms: what is found does not depend on how they arrive, is never more than came in, and little
// of it is held back.
#include "services/api/gateway/multipart_parser.h"
#include "tests/fuzz/split.h"
#include "tests/fuzz/target.h"

namespace {

using stockroom::api::MultipartParser;
using stockroom::api::PartHead;
using stockroom::api::PartSink;
using stockroom::fuzz::Require;

constexpr MultipartParser::Limits kLimits{.max_head_bytes = 512, .max_parts = 20};
// A part's head, a delimiter with its blanks, and the piece that was just fed.
constexpr size_t kHeldBack = 4096 + 1024;

struct Outcome final : PartSink {
  absl::Status OnPart(PartHead head) override {
    Require(!in_part, "a part within a part");
    in_part = true;
    ++parts;
    found += "<" + head.name + "|" + head.filename.value_or("-") + "|" + head.content_type + ">";
    return absl::OkStatus();
  }
  absl::Status OnData(std::string_view bytes) override {
    Require(in_part, "content outside of a part");
    given += bytes.size();
    found += bytes;
    return absl::OkStatus();
  }
  absl::Status OnPartEnd() override {
    Require(in_part, "an end without a beginning");
    in_part = false;
    found += "</>";
    return absl::OkStatus();
  }

  bool ok = true;
  bool finished = false;
  bool in_part = false;
  int parts = 0;
  size_t given = 0;
  std::string found;
};

bool Take(MultipartParser& parser, std::string_view piece, Outcome& outcome) {
  outcome.ok = parser.Feed(piece, outcome).ok();
  return outcome.ok;
}

MultipartParser NewParser() {
  return *MultipartParser::ForContentType("multipart/form-data; boundary=XX", kLimits);
}

void Compare(const Outcome& pieces, const Outcome& whole) {
  Require(pieces.ok == whole.ok, "pieces decide whether a form is good");
  if (!whole.ok) return;  // how much was found before the fault may differ
  Require(pieces.finished == whole.finished, "pieces decide whether a form is whole");
  // Of a form that broke off some content may still be held back.
  if (!whole.finished) return;
  Require(pieces.found == whole.found, "pieces decide what a form holds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // The boundary itself may be hostile too.
  (void)MultipartParser::ForContentType(text.substr(0, 200), kLimits);

  Outcome whole;
  MultipartParser at_once = NewParser();
  Take(at_once, text, whole);
  whole.finished = whole.ok && at_once.Finish().ok();
  Require(whole.given <= size && whole.parts <= kLimits.max_parts, "more was found than is there");

  Outcome bytes;
  MultipartParser by_byte = NewParser();
  size_t fed = 0;
  stockroom::fuzz::InBytes(text, [&](auto piece) {
    ++fed;
    return Take(by_byte, piece, bytes);
  });
  bytes.finished = bytes.ok && by_byte.Finish().ok();
  Compare(bytes, whole);
  // Content that is neither given nor part of a head is held back; only so much may be.
  if (bytes.ok && bytes.in_part) {
    Require(fed <= bytes.given + kHeldBack * static_cast<size_t>(bytes.parts + 1),
            "too much is held back");
  }

  Outcome pieces;
  MultipartParser by_piece = NewParser();
  stockroom::fuzz::InPieces(text, size, [&](auto piece) { return Take(by_piece, piece, pieces); });
  pieces.finished = pieces.ok && by_piece.Finish().ok();
  Compare(pieces, whole);
  return 0;
}

std::vector<std::string> FuzzSeeds() {
  const std::string head = "Content-Disposition: form-data; name=";
  return {"--XX\r\n" + head + "\"title\"\r\n\r\nA title\r\n--XX--\r\n",
          "preamble\r\n--XX \r\n" + head +
              "\"image\"; filename=\"a \\\"b\\\".jpg\"\r\n"
              "Content-Type: "
              "image/jpeg\r\n\r\n\xff\xd8\r\n--XXY\r\n--XX-\r\n-\r\r\n--\r\n\r\n--XX--\r\n"
              "epilogue\r\n--XX\r\n",
          "--XX\r\n" + head + "empty\r\n\r\n\r\n--XX\r\n" + head +
              "next; filename*=UTF-8''%e2%82%ac\r\n"
              "\r\n" +
              std::string(3000, '\r') + "\r\n--XX--",
          "--XX\r\n" + std::string(600, 'h') + ": v\r\n\r\n",
          "--XX\r\n" + head + "a\r\n\r\n" + std::string(5000, '-') + "\r\n--X",
          "multipart/form-data; boundary=\"simple boundary\""};
}
