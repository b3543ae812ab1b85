// Chunked bodies: what comes out does not depend on how they arrive, and is never more than came
// in.
#include "services/common/http/chunked.h"
#include "tests/fuzz/split.h"
#include "tests/fuzz/target.h"

namespace {

using stockroom::fuzz::Require;
using stockroom::http::ChunkedDecoder;

struct Outcome {
  bool ok = true;
  bool done = false;
  size_t used = 0;
  std::string out;

  bool operator==(const Outcome&) const = default;
};

// Takes one piece; false once there is nothing more to decode.
bool Take(ChunkedDecoder& decoder, std::string_view piece, Outcome& outcome) {
  const auto used = decoder.Feed(piece, &outcome.out);
  outcome.ok = used.ok();
  if (!used.ok()) return false;
  Require(*used <= piece.size(), "more was used than there was");
  outcome.used += *used;
  outcome.done = decoder.done();
  Require(outcome.done || *used == piece.size(), "something was left although more is wanted");
  return !outcome.done;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Outcome whole;
  ChunkedDecoder at_once;
  Take(at_once, text, whole);
  Require(whole.out.size() <= size, "more came out than went in");

  const auto compare = [&](const Outcome& pieces) {
    Require(pieces.ok == whole.ok, "pieces decide whether a body is good");
    if (!whole.ok) return;  // how much came out before the fault may differ
    Require(pieces == whole, "pieces decide what a body holds");
  };
  Outcome bytes;
  ChunkedDecoder by_byte;
  stockroom::fuzz::InBytes(text, [&](auto piece) { return Take(by_byte, piece, bytes); });
  compare(bytes);
  Outcome pieces;
  ChunkedDecoder by_piece;
  stockroom::fuzz::InPieces(text, size, [&](auto piece) { return Take(by_piece, piece, pieces); });
  compare(pieces);
  return 0;
}

std::vector<std::string> FuzzSeeds() {
  return {"3\r\nabc\r\n0\r\n\r\n",
          "3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: y\r\n\r\nGET / HTTP/1.1\r\n",
          "0\r\n\r\n",
          "ff\r\n" + std::string(255, 'x') + "\r\n0\r\n\r\n",
          "FFFFFFFFFFFFFFF\r\nabc",
          "1;" + std::string(300, 'x') + "\r\na\r\n0\r\n\r\n",
          "2\r\n\r\n\r\n0\r\n" + std::string(4000, 't') + ": v\r\n\r\n"};
}
