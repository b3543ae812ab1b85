#include "services/common/rpc/callback_queue.h"

#include "tests/support/await.h"

namespace stockroom::rpc {
namespace {

TEST(CallbackQueueTest, IsKeptAwakeThoughNobodyCalls) {
  KeepCallbackQueue();
  const int64_t before = CallbackQueueBeats();
  testing::Await("more than one beat", [&] { return CallbackQueueBeats() > before + 2; });
}

}  // namespace
}  // namespace stockroom::rpc
