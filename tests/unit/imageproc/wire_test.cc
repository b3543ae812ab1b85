#include "services/imageproc/sandbox/wire.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "absl/time/clock.h"

namespace stockroom::imageproc {
namespace {

TEST(SealedView, RefusesMemoryThatThePeerCouldStillChange) {
  const UniqueFd open(memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(write(open.get(), "x", 1), 1);
  EXPECT_TRUE(absl::IsAborted(SealedView::Map(open.get(), 10).status()));
  fcntl(open.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  EXPECT_TRUE(absl::IsAborted(SealedView::Map(open.get(), 10).status()));
  fcntl(open.get(), F_ADD_SEALS, F_SEAL_WRITE);
  EXPECT_TRUE(SealedView::Map(open.get(), 10).ok());
  EXPECT_TRUE(absl::IsAborted(SealedView::Map(open.get(), 0).status())) << "too long";
}

TEST(Wire, CarriesMessagesLargerThanTheSocketsBuffer) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd a(ends[0]);
  const UniqueFd b(ends[1]);
  const std::string big(3 << 20, 'x');
  auto memory = MakeSealedMemory("test", "content");
  ASSERT_TRUE(memory.ok());
  std::thread sender([&] {
    EXPECT_TRUE(SendWireMessage(a.get(), big, {memory->get()}, absl::InfiniteFuture()).ok());
  });
  const auto message = ReceiveWireMessage(b.get(), absl::InfiniteFuture());
  sender.join();
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message->bytes, big);
  ASSERT_EQ(message->fds.size(), 1U);
  EXPECT_EQ(SealedView::Map(message->fds[0].get(), 100)->bytes(), "content");
}

TEST(Wire, RefusesAnAnnouncedLengthThatIsTooLong) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd a(ends[0]);
  const UniqueFd b(ends[1]);
  ASSERT_EQ(write(a.get(), "\xff\xff\xff\xff", 4), 4);
  EXPECT_TRUE(absl::IsAborted(ReceiveWireMessage(b.get(), absl::InfiniteFuture()).status()));
}

TEST(Wire, NoticesAPeerThatIsGoneOrSlow) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  UniqueFd a(ends[0]);
  const UniqueFd b(ends[1]);
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      ReceiveWireMessage(b.get(), absl::Now() + absl::Milliseconds(10)).status()));
  ASSERT_EQ(write(a.get(), "\x05\0\0\0ab", 6), 6);
  a.Reset();
  EXPECT_TRUE(absl::IsUnavailable(ReceiveWireMessage(b.get(), absl::InfiniteFuture()).status()));
  EXPECT_TRUE(absl::IsUnavailable(SendWireMessage(b.get(), "x", {}, absl::InfiniteFuture())));
}

}  // namespace
}  // namespace stockroom::imageproc
