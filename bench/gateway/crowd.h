// Connections that want nothing, and some that drip a request's head, byte by byte.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

namespace stockroom::bench {

class Crowd {
 public:
  // Connected when the constructor returns. Those that the server cut off come back.
  Crowd(int port, int idle, int slow);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

 private:
  void Drip(int port);

  std::vector<int> idle_;
  std::vector<int> slow_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace stockroom::bench
