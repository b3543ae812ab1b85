// A shared pointer that is read all the time and replaced now and then, without a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace stockroom {

// Not std::atomic<std::shared_ptr>: libstdc++'s locks, by a way that ThreadSanitizer can not see.
// Readers never wait, neither for a writer nor for one another.
//
// The cell is one word: the address of a node, which holds the shared pointer, and above it the
// number of readers who have come to that node since it was put in. A reader comes by adding one to
// the word, which gives it the address in the same step, copies the shared pointer, and goes: by
// taking its one from the word if the node is still in the cell, else from the node. The writer who
// takes a node out adds to it what the word had counted; whoever brings the node's sum to nothing
// is the last, and deletes it.
template <typename T>
class SharedCell {
 public:
  explicit SharedCell(std::shared_ptr<T> value) : word_(WordOf(new Node{std::move(value)})) {}
  ~SharedCell() { delete NodeOf(word_.load(std::memory_order_acquire)); }
  SharedCell(const SharedCell&) = delete;
  SharedCell& operator=(const SharedCell&) = delete;

  std::shared_ptr<T> Load() const {
    const uint64_t came = word_.fetch_add(kOneReader, std::memory_order_acquire);
    Node* const node = NodeOf(came);
    std::shared_ptr<T> value = node->value;
    uint64_t word = came + kOneReader;
    // As long as this reader counts the node lives, so an equal address is the same node.
    while (NodeOf(word) == node) {
      if (word_.compare_exchange_weak(word, word - kOneReader, std::memory_order_release,
                                      std::memory_order_relaxed)) {
        return value;
      }
    }
    Settle(node, -1);
    return value;
  }

  // Any thread; whoever loads afterwards gets it. The one before goes with its last reader.
  void Store(std::shared_ptr<T> value) {
    Node* const next = new Node{std::move(value)};
    const uint64_t before = word_.exchange(WordOf(next), std::memory_order_acq_rel);
    Settle(NodeOf(before), static_cast<int64_t>(before >> kAddressBits));
  }

 private:
  struct Node {
    std::shared_ptr<T> value;
    // Readers who came, once the node is out of the cell, less those who went since.
    std::atomic<int64_t> readers{0};
  };
  // User space of x86-64 and AArch64; leaves room for 65,535 threads in Load at once.
  static constexpr int kAddressBits = 48;
  static constexpr uint64_t kOneReader = uint64_t{1} << kAddressBits;
  static_assert(sizeof(void*) == sizeof(uint64_t));

  static uint64_t WordOf(Node* node) { return reinterpret_cast<uint64_t>(node); }
  static Node* NodeOf(uint64_t word) { return reinterpret_cast<Node*>(word & (kOneReader - 1)); }
  static void Settle(Node* node, int64_t readers) {
    if (node->readers.fetch_add(readers, std::memory_order_acq_rel) + readers == 0) delete node;
  }

  mutable std::atomic<uint64_t> word_;
};

}  // namespace stockroom
