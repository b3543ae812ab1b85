// Programs of bench/peers (Node with sharp), as peers.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace stockroom::bench {

// A child with its standard input and output; ends when this does. Ends the program if it can not
// be started or says what nobody expects.
class Peer {
 public:
  // `node bench/peers/SCRIPT ARGUMENTS…`, from the project's root, with `threads` for its pool.
  Peer(const std::string& script, const std::vector<std::string>& arguments, int threads);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Without its end.
  std::string ReadLine();
  // One order of batch.mjs.
  nlohmann::json Ask(const nlohmann::json& order);
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  FILE* to_ = nullptr;
  FILE* from_ = nullptr;
};

}  // namespace stockroom::bench
