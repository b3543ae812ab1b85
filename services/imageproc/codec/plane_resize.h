// Resizing one plane of 8-bit samples while its rows arrive: an anti-aliased Lanczos3, the kernel
// of libvips' reduce. It knows where the samples of source and result lie, so that chroma of any
// subsampling stays in place beside its luma.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace stockroom::imageproc {

struct Plane {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> samples;  // row by row, without gaps

  const uint8_t* row(int y) const { return samples.data() + size_t(y) * size_t(width); }
};

// How the samples of a result lie in its source along one axis: sample i of the result has its
// middle at origin + (i + 0.5) * step, where sample k of the source reaches from k to k + 1.
struct AxisMap {
  int from = 0;       // samples of the source; at least 1
  int to = 0;         // samples of the result; at least 1
  double step = 1;    // at least 0.1; above 1 it shrinks
  double origin = 0;  // a few samples at most
};

// The weights of every sample of a result. What lies behind an edge counts as the edge.
struct Filter {
  Filter() = default;
  explicit Filter(const AxisMap& map);

  int taps = 0;                  // of each sample; a multiple of 16
  std::vector<int> first;        // of each sample: the first tap's place in the source, rising
  std::vector<int> last;         // and the last one's that counts
  std::vector<int16_t> weights;  // `taps` for each sample, in 1/16384; they sum up to 16384
};

// Thread-compatible. All memory is taken by the constructor: Push can neither throw nor fail.
class PlaneResizer {
 public:
  // `plain`: without the processor's vector instructions; the result is the same to the bit.
  PlaneResizer(const AxisMap& x, const AxisMap& y, bool plain = false);

  // The next row of the source: y.from calls with x.from samples each; further calls do nothing.
  void Push(const uint8_t* row) noexcept;

  // Every row was pushed: the result is whole.
  bool done() const { return next_out_ == y_.to; }
  // Leaves the object empty. Requires done().
  Plane Take() { return std::move(out_); }

 private:
  void Emit() noexcept;

  AxisMap x_;
  AxisMap y_;
  bool plain_;
  Filter across_;
  Filter down_;
  int row_samples_ = 0;               // of a row in the ring, padding included
  std::vector<int16_t> ring_;         // the last down_.taps rows
  std::vector<int16_t> column_;       // one row, summed down
  std::vector<const int16_t*> rows_;  // those that are summed
  Plane out_;
  int next_in_ = 0;
  int next_out_ = 0;
};

}  // namespace stockroom::imageproc
