// The walls around a decoder, from inside: what a decoder tries that a picture has taken over.
#include "services/imageproc/sandbox/walls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <filesystem>
#include <functional>

#include "tests/unit/imageproc/hostile_deeds.h"
#include "tests/unit/imageproc/hostile_pool.h"

namespace stockroom::imageproc {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WallsTest : public testing::HostilePool {};

TEST_F(WallsTest, WhatNoDecoderNeedsKillsIt) {
  StartPool();
  int deaths = 0;
  for (const char* deed :
       {"openat2",       "socket",         "connect",       "socketpair", "exec",
        "fork",          "ptrace",         "read-others",   "io_uring",   "bpf",
        "perf",          "userfaultfd",    "keys",          "mount",      "unshare",
        "chroot",        "memory-file",    "shared-memory", "dumpable",   "new-user",
        "signal-parent", "signal-sibling", "signal-thread", "signal-all"}) {
    const std::string outcome = Do(deed);
    EXPECT_THAT(outcome, HasSubstr("ABORTED")) << deed;
    EXPECT_THAT(outcome, HasSubstr("SIGSYS")) << deed;
    ++deaths;
  }
  EXPECT_EQ(Count("stockroom_decoder_died_total"), static_cast<uint64_t>(deaths));
  EXPECT_EQ(Count("stockroom_decoder_lost_parents_total"), 0U);
}

TEST_F(WallsTest, WhatLibrariesTryOutOfHabitIsRefused) {
  StartPool();
  for (const char* deed :
       {"open", "create", "environ", "look", "executable-memory", "make-executable"}) {
    EXPECT_EQ(Do(deed), "EACCES") << deed;
  }
  EXPECT_EQ(Do("clone3"), "ENOSYS");
  EXPECT_EQ(Do("raise-limit"), "EPERM");
}

TEST_F(WallsTest, WhatDecodersNeedIsLeftToThem) {
  StartPool();
  EXPECT_EQ(Do("threads"), "done");
  // Socket, standard streams, the source, the file for the result.
  EXPECT_EQ(Do("descriptors"), "0,1,2,3,4,5");
}

TEST_F(WallsTest, MemoryEndsAtTheCap) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "not under AddressSanitizer";
#endif
  StartPool({.memory_bytes = int64_t{512} << 20});
  const int mib = std::stoi(Do("allocate"));
  EXPECT_GT(mib, 100);
  EXPECT_LE(mib, 512);
}

TEST_F(WallsTest, NoResultIsLargerThanTheLimit) {
  StartPool();
  EXPECT_THAT(Do("write-too-much"), HasSubstr("SIGXFSZ"));
}

TEST_F(WallsTest, StandardErrorLeadsNowhere) {
  ::testing::internal::CaptureStderr();  // before decoders get theirs from here
  StartPool();
  EXPECT_EQ(Do("flood"), "done");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::Not(HasSubstr("xxx")));
}

TEST_F(WallsTest, ItsDeathIsAnOrdinaryResultThatSaysHow) {
  StartPool({.max_decode_time = absl::Milliseconds(300)});
  EXPECT_THAT(Do("crash"), AllOf(HasSubstr("ABORTED"), HasSubstr("crashed (SIGSEGV)")));
  EXPECT_THAT(Do("abort"), HasSubstr("SIGABRT"));
  EXPECT_THAT(Do("kill-self"), HasSubstr("SIGKILL"));
  EXPECT_THAT(Do("nonsense"), HasSubstr("ABORTED"));
  EXPECT_EQ(Count("stockroom_decoder_died_total"), 4U);
  EXPECT_THAT(Do("spin"), AllOf(HasSubstr("DEADLINE_EXCEEDED"), HasSubstr("longer than 300ms")));
  EXPECT_EQ(Count("stockroom_decoder_killed_total"), 1U);
  EXPECT_EQ(Do("threads"), "done");
}

TEST_F(WallsTest, ThePoolSaysWhichWallsStand) {
  StartPool();
  for (const char* wall : {"system-calls", "limits", "privileges", "capabilities"}) {
    EXPECT_EQ(Wall(wall), 1) << wall;
  }
}

// ---- namespaces: only where the machine allows them ----

// Runs in a process of its own; what it returns is the exit code.
int InAChild(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  int how = 0;
  waitpid(pid, &how, 0);
  return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

bool AllStand(const std::vector<Wall>& walls) {
  return std::all_of(walls.begin(), walls.end(), [](const Wall& wall) { return wall.status.ok(); });
}

bool MachineAllowsNamespaces() {
  return InAChild([] { return AllStand(EnterNamespaces()) ? 0 : 1; }) == 0;
}

class NamespacesTest : public WallsTest {
 protected:
  void SetUp() override {
    if (!MachineAllowsNamespaces()) GTEST_SKIP() << "this machine allows no namespaces";
  }
};

TEST_F(NamespacesTest, StandAroundEveryDecoder) {
  StartPool({.all_walls = true});
  for (const char* wall : {"user", "network", "ipc", "mount", "process"}) {
    EXPECT_EQ(Wall(wall), 1) << wall;
  }
  // Only its siblings and the first of the namespace come before it.
  std::string identity = Do("identity");
  EXPECT_THAT(identity, HasSubstr("user 65534"));
  EXPECT_LT(std::stoi(identity.substr(4)), 50) << identity;
}

// The other walls would hide that these are gone: here they stand alone.
TEST_F(NamespacesTest, HoldNoFileAndNoNetworkByThemselves) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(server, 1), 0);
  socklen_t length = sizeof(address);
  getsockname(server, reinterpret_cast<sockaddr*>(&address), &length);
  EXPECT_EQ(InAChild([&] {
              if (!AllStand(EnterNamespaces())) return 1;
              for (const char* path : {"/etc/passwd", "/proc/self/environ", "/dev/null", "/tmp"}) {
                if (open(path, O_RDONLY) >= 0 || errno != ENOENT) return 2;
              }
              if (open("/here", O_CREAT | O_WRONLY, 0600) >= 0) return 3;
              const int client = socket(AF_INET, SOCK_STREAM, 0);
              if (connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
                return 4;
              }
              return 0;
            }),
            0);
  close(server);
}

TEST_F(NamespacesTest, HideAllOtherProcesses) {
  const pid_t outside = getpid();
  EXPECT_EQ(InAChild([&] {
              if (!AllStand(EnterNamespaces())) return 1;
              auto filter = SyscallFilter::Compile();
              pid_t guardian = 0;
              if (!EnterProcessNamespace(*filter, guardian).status.ok()) return 2;
              return InAChild([&] {
                if (getppid() != 0 || getpid() != 2) return 3;
                return kill(outside, 0) == 0 || errno != ESRCH ? 4 : 0;
              });
            }),
            0);
}

TEST(WallsAlone, NoProgramGivesNewPrivileges) {
  EXPECT_EQ(InAChild([] {
              if (!RaiseFirstWalls().ok()) return 1;
              rlimit core = {};
              getrlimit(RLIMIT_CORE, &core);
              return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && core.rlim_max == 0 ? 0 : 2;
            }),
            0);
}

TEST(WallsAlone, NoCapabilityIsLeftAndNobodyMayLookInside) {
  EXPECT_EQ(InAChild([] {
              EnterNamespaces();
              if (!DropCapabilities().status.ok()) return 1;
              if (prctl(PR_GET_DUMPABLE) != 0) return 2;
              return setresuid(0, 0, 0) == 0 || chroot("/") == 0 ? 3 : 0;
            }),
            0);
}

TEST(WallsAlone, AForeignArchitecturesCallsAreNoWayRound) {
  auto filter = SyscallFilter::Compile();
  ASSERT_TRUE(filter.ok()) << filter.status();
#if defined(__x86_64__)
  EXPECT_EQ(InAChild([&] {
              prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
              if (!filter->Apply().ok()) return 1;
              int pid = 20;  // getpid of 32-bit programs
              asm volatile("int $0x80" : "+a"(pid) : : "memory");
              return 0;
            }),
            128 + SIGSYS);
#endif
}

}  // namespace
}  // namespace stockroom::imageproc
