#include "bench/common/peer.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace stockroom::bench {
namespace {

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "peer: %s\n", what.c_str());
  std::exit(1);
}

}  // namespace

Peer::Peer(const std::string& script, const std::vector<std::string>& arguments, int threads) {
  const std::string path = "bench/peers/" + script;
  if (::access("bench/peers/node_modules/sharp", X_OK) != 0) {
    Fail("bench/peers/node_modules is missing; run scripts/bench, which installs it");
  }
  int in[2];
  int out[2];
  if (::pipe(in) != 0 || ::pipe(out) != 0) Fail("no pipes");
  std::vector<char*> command = {const_cast<char*>("node"), const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) {
    command.push_back(const_cast<char*>(argument.c_str()));
  }
  command.push_back(nullptr);
  ::setenv("UV_THREADPOOL_SIZE", std::to_string(threads).c_str(), 1);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
    ::execvp("node", command.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  to_ = ::fdopen(in[1], "w");
  from_ = ::fdopen(out[0], "r");
}

Peer::~Peer() {
  std::fclose(to_);
  std::fclose(from_);
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

std::string Peer::ReadLine() {
  std::string line;
  for (int c; (c = std::fgetc(from_)) != EOF && c != '\n';) line.push_back(static_cast<char>(c));
  if (line.empty()) Fail("it said nothing; is node installed?");
  return line;
}

nlohmann::json Peer::Ask(const nlohmann::json& order) {
  std::fprintf(to_, "%s\n", order.dump().c_str());
  std::fflush(to_);
  const std::string line = ReadLine();
  nlohmann::json answer = nlohmann::json::parse(line, nullptr, false);
  if (!answer.is_object() || answer.contains("error")) Fail(line);
  return answer;
}

}  // namespace stockroom::bench
