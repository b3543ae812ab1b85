#include "services/imageproc/rpc/work_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "services/common/blobs/blocking.h"
#include "services/common/blobs/memory_blob_client.h"
#include "services/common/rpc/channel.h"
#include "services/common/rpc/client_streams.h"
#include "services/common/rpc/server.h"
#include "services/imageproc/codec/vips_library.h"
#include "services/imageproc/core/rendition_maker.h"
#include "services/imageproc/sandbox/decoder_pool.h"
#include "tests/support/fake_decoder.h"
#include "tests/unit/imageproc/pictures.h"

namespace stockroom::imageproc {
namespace {

using internal::ApiMessage;
using internal::JobResult;
using internal::WorkerMessage;
using ::testing::HasSubstr;

// The api's end of a stream, as a test drives it.
class Api final : public rpc::BidiHandler<WorkerMessage, ApiMessage>,
                  public std::enable_shared_from_this<Api> {
 public:
  static std::shared_ptr<Api> Dial(int port, bool say_hello = true) {
    auto api = std::make_shared<Api>();
    auto* stub = NewStub(port);
    rpc::OpenBidi<WorkerMessage, ApiMessage>(
        [stub](grpc::ClientContext* context,
               grpc::ClientBidiReactor<ApiMessage, WorkerMessage>* reactor) {
          stub->async()->Work(context, reactor);
        },
        std::shared_ptr<rpc::BidiHandler<WorkerMessage, ApiMessage>>(api));
    if (say_hello) {
      ApiMessage hello;
      hello.mutable_hello()->set_api_id("test");
      api->Send(hello);
    }
    return api;
  }

  void Send(const ApiMessage& message) { stream()->Send(message); }
  void Demand(int jobs) {
    ApiMessage message;
    message.mutable_demand()->set_jobs(jobs);
    Send(message);
  }
  void Cancel(uint64_t assignment) {
    ApiMessage message;
    message.mutable_cancel()->set_assignment_id(assignment);
    Send(message);
  }
  void HalfClose() { stream()->Close(absl::OkStatus()); }
  void Break() { stream()->Abort(); }

  uint64_t NextCredit() {
    MutexLock lock(mu_);
    while (credits_.empty()) changed_.Wait(mu_);
    const uint64_t credit = credits_.front();
    credits_.erase(credits_.begin());
    return credit;
  }
  JobResult NextResult() {
    MutexLock lock(mu_);
    while (results_.empty()) changed_.Wait(mu_);
    JobResult result = results_.front();
    results_.erase(results_.begin());
    return result;
  }
  void AwaitStarted(int jobs) {
    MutexLock lock(mu_);
    while (started_ < jobs) changed_.Wait(mu_);
  }
  void AwaitDraining() {
    MutexLock lock(mu_);
    while (!draining_) changed_.Wait(mu_);
  }
  absl::Status AwaitClosed() {
    MutexLock lock(mu_);
    while (!closed_) changed_.Wait(mu_);
    return *closed_;
  }
  internal::WorkerHello Hello() {
    MutexLock lock(mu_);
    while (!hello_) changed_.Wait(mu_);
    return *hello_;
  }

  void OnOpen(std::shared_ptr<rpc::BidiStream<ApiMessage>> stream) override {
    MutexLock lock(mu_);
    stream_ = std::move(stream);
  }
  void OnMessage(WorkerMessage& message) override {
    MutexLock lock(mu_);
    if (message.has_hello()) hello_ = message.hello();
    if (message.has_credits()) {
      credits_.insert(credits_.end(), message.credits().ids().begin(),
                      message.credits().ids().end());
    }
    if (message.has_started()) ++started_;
    if (message.has_result()) results_.push_back(message.result());
    if (message.has_draining()) draining_ = true;
    changed_.NotifyAll();
  }
  void OnReadsDone() override {}
  void OnClosed(const absl::Status& status) override {
    MutexLock lock(mu_);
    closed_ = status;
    changed_.NotifyAll();
  }

 private:
  // Stubs live until the process ends: an Api is released by its stream's last callback, and a
  // channel must not be destroyed there.
  static internal::WorkService::Stub* NewStub(int port) {
    static auto& stubs = *new std::vector<std::unique_ptr<internal::WorkService::Stub>>();
    const int index = static_cast<int>(stubs.size());
    stubs.push_back(internal::WorkService::NewStub(
        rpc::MakeChannel("127.0.0.1:" + std::to_string(port), {.pool_index = index})));
    return stubs.back().get();
  }
  std::shared_ptr<rpc::BidiStream<ApiMessage>> stream() {
    MutexLock lock(mu_);
    return stream_;
  }

  Mutex mu_;
  CondVar changed_;
  std::shared_ptr<rpc::BidiStream<ApiMessage>> stream_ SR_GUARDED_BY(mu_);
  std::optional<internal::WorkerHello> hello_ SR_GUARDED_BY(mu_);
  std::vector<uint64_t> credits_ SR_GUARDED_BY(mu_);
  std::vector<JobResult> results_ SR_GUARDED_BY(mu_);
  int started_ SR_GUARDED_BY(mu_) = 0;
  bool draining_ SR_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> closed_ SR_GUARDED_BY(mu_);
};

using testing::FakeDecoder;

class WorkServiceTest : public ::testing::Test {
 protected:
  ~WorkServiceTest() override {
    fake_.Hang(false);
    if (service_) service_->Drain(absl::Seconds(30));
    if (server_) server_->Drain(absl::Seconds(5));
  }

  void Start(Decoder& decoder, int slots) {
    admission_.emplace(AdmissionOptions{.slots = slots + 1, .job_slots = slots}, metrics_);
    runner_.emplace(blobs_, decoder, *admission_, JobLimits{.max_original_bytes = 1 << 20},
                    metrics_);
    service_.emplace(
        WorkServiceOptions{
            .worker_id = "w1", .version = "test", .slots = slots, .credit_ttl = absl::Seconds(30)},
        *runner_, metrics_);
    auto server = rpc::Server::Start({.listen = "127.0.0.1:0"}, {&*service_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->SetServing(true);
  }
  Digest Put(std::string_view bytes) {
    return WriteBlob(blobs_, CallContext::WithTimeout(absl::Seconds(30)), bytes)->info.sha256;
  }
  static ApiMessage Job(uint64_t assignment, uint64_t credit, const Digest& original,
                        int deadline_ms = 60'000) {
    ApiMessage message;
    auto& job = *message.mutable_job();
    job.set_assignment_id(assignment);
    job.set_credit_id(credit);
    job.set_original_sha256(std::string(original.bytes()));
    job.set_deadline_ms(deadline_ms);
    return message;
  }
  void AwaitRunning(int jobs) {
    while (service_->running_jobs() != jobs) std::this_thread::yield();
  }

  Metrics metrics_;
  MemoryBlobClient blobs_;
  FakeDecoder fake_;
  std::optional<Admission> admission_;
  std::optional<JobRunner> runner_;
  std::optional<WorkService> service_;
  std::unique_ptr<rpc::Server> server_;
};

TEST_F(WorkServiceTest, ProcessesAPictureFromBlobToRenditions) {
  ASSERT_TRUE(InitVips().ok());
#if defined(__SANITIZE_ADDRESS__)
  constexpr int64_t kMemoryCap = 0;  // shadow memory counts
#else
  constexpr int64_t kMemoryCap = int64_t{512} << 20;
#endif
  auto pool = DecoderPool::Start(
      {.programs = {{STOCKROOM_DECODER_PATH, "stockroom-decoder"}}, .memory_bytes = kMemoryCap},
      metrics_);
  ASSERT_TRUE(pool.ok()) << pool.status();
  Start(**pool, 2);
  const Digest original = Put(testing::Encode(testing::GradientWithAlpha(400, 200), ".png"));
  auto api = Api::Dial(server_->port());
  EXPECT_EQ(api->Hello().slots(), 2);
  EXPECT_EQ(api->Hello().worker_id(), "w1");
  api->Demand(1);
  ApiMessage message = Job(7, api->NextCredit(), original);
  for (const char* name : {"thumb-150", "thumb-50"}) {
    auto& preset = *message.mutable_job()->add_presets();
    preset.set_preset(name);
    preset.set_recipe("fit=" + std::string(name + 6) + "x0/format=auto/q=80");
  }
  api->Send(message);
  const JobResult result = api->NextResult();
  ASSERT_EQ(result.outcome(), JobResult::DONE) << result.message();
  EXPECT_EQ(result.assignment_id(), 7U);
  EXPECT_EQ(result.image().facts().width(), 400);
  EXPECT_EQ(result.image().analysis_size(), 7);
  ASSERT_EQ(result.image().renditions_size(), 2);
  for (const auto& made : result.image().renditions()) {
    EXPECT_EQ(made.format(), "webp");
    const auto bytes =
        ReadRendition(blobs_, CallContext::WithTimeout(absl::Seconds(30)), {original, made.key()});
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(Digest::Of(*bytes).bytes(), made.sha256());
    EXPECT_EQ(testing::Decode(*bytes).width(), made.width());
  }
  EXPECT_EQ(result.image().renditions(0).preset(), "thumb-150");
  EXPECT_EQ(result.image().renditions(1).width(), 50);

  api->Demand(1);
  api->Send(Job(8, api->NextCredit(), Put("no image at all")));
  const JobResult bad = api->NextResult();
  EXPECT_EQ(bad.outcome(), JobResult::BAD_IMAGE);
  EXPECT_THAT(bad.message(), HasSubstr("not an image"));
  service_->Drain(absl::Seconds(30));
  server_->Drain(absl::Seconds(5));
}

// Ingest and renders agree on where a rung is, and the decoder on what may be made of it.
TEST_F(WorkServiceTest, ARungOfIngestServesARenderWithoutTheOriginal) {
  ASSERT_TRUE(InitVips().ok());
  auto pool = DecoderPool::Start(
      {.programs = {{STOCKROOM_DECODER_PATH, "stockroom-decoder"}}, .memory_bytes = 0}, metrics_);
  ASSERT_TRUE(pool.ok()) << pool.status();
  Start(**pool, 1);
  const Digest original = Put(testing::Encode(testing::Gradient(1000, 800), ".jpg"));
  auto api = Api::Dial(server_->port());
  api->Demand(1);
  ApiMessage message = Job(1, api->NextCredit(), original);
  message.mutable_job()->add_ladder(400);
  api->Send(message);
  const JobResult result = api->NextResult();
  ASSERT_EQ(result.outcome(), JobResult::DONE) << result.message();
  ASSERT_EQ(result.image().rungs_size(), 1);

  RenditionMaker maker({}, blobs_, **pool, *admission_, metrics_);
  internal::RenderRequest request;
  request.set_original_sha256(std::string(original.bytes()));
  *request.mutable_facts() = result.image().facts();
  request.add_ladder(400);
  for (const char* recipe : {"cover=100x100/format=webp/q=80", "fit=150x0/format=jpeg/q=80"}) {
    request.set_recipe(recipe);
    request.set_key(RenditionKey(*ParseRecipe(recipe)));
    const auto plan = PlanRender(request);
    ASSERT_TRUE(plan.ok()) << plan.status();
    auto ticket = maker.Admit(*plan);
    ASSERT_TRUE(ticket.ok()) << ticket.status();
    const auto made =
        maker.Make(CallContext::WithTimeout(absl::Seconds(30)), *plan, *std::move(ticket));
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_FALSE(made->rung.has_value());
    EXPECT_EQ(testing::Decode(*made->rendition.bytes).width(), made->rendition.made.width());
  }
  EXPECT_EQ(metrics_.GetCounter("stockroom_renders_made_total", "", {{"source", "rung"}}).value(),
            2U);
  // Lost: the next render makes it again.
  MemoryBlobClient other;
  ASSERT_TRUE(WriteBlob(other, CallContext::WithTimeout(absl::Seconds(30)),
                        testing::Encode(testing::Gradient(1000, 800), ".jpg"))
                  .ok());
  RenditionMaker without({}, other, **pool, *admission_, metrics_);
  const auto plan = PlanRender(request);
  const auto made =
      without.Make(CallContext::WithTimeout(absl::Seconds(30)), *plan, *without.Admit(*plan));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(made->rung.has_value());
  EXPECT_EQ(made->rung->made.key(), result.image().rungs(0).key());
  EXPECT_EQ(made->rung->made.recipe(), result.image().rungs(0).recipe());
  EXPECT_EQ(made->rung->made.width(), result.image().rungs(0).width());
  service_->Drain(absl::Seconds(30));
  server_->Drain(absl::Seconds(5));
}

TEST_F(WorkServiceTest, StoresRungsAsRenditionsAndHandsOverWatermarks) {
  Start(fake_, 1);
  auto api = Api::Dial(server_->port());
  api->Demand(1);
  const Digest original = Put("x");
  ApiMessage message = Job(1, api->NextCredit(), original);
  message.mutable_job()->add_ladder(1440);
  message.mutable_job()->add_watermarks()->set_name("logo");
  message.mutable_job()->mutable_watermarks(0)->set_picture("its picture");
  api->Send(message);
  const JobResult result = api->NextResult();
  ASSERT_EQ(result.outcome(), JobResult::DONE) << result.message();
  ASSERT_EQ(result.image().rungs_size(), 1);
  const auto& rung = result.image().rungs(0);
  EXPECT_EQ(rung.sha256(), Digest::Of("rung 1440").bytes());
  const auto stored =
      ReadRendition(blobs_, CallContext::WithTimeout(absl::Seconds(30)), {original, rung.key()});
  EXPECT_EQ(stored.value_or(""), "rung 1440");
  const auto seen = fake_.seen().at(0);
  EXPECT_FALSE(seen.own_rung);
  EXPECT_THAT(seen.request.watermarks(), ::testing::ElementsAre("logo"));
  EXPECT_THAT(seen.watermarks, ::testing::ElementsAre("its picture"));
}

TEST_F(WorkServiceTest, AJobTakesItsSlotWhereRendersDo) {
  Start(fake_, 1);
  const auto render = *admission_->Enter({.cpu_ms = 1000}, 1, WorkClass::kInteractive);
  const CallContext context = CallContext::WithTimeout(absl::Seconds(30));
  ASSERT_TRUE(render->AwaitSlot(context).ok());
  auto api = Api::Dial(server_->port());
  api->Demand(1);
  // Both are expensive, and one slot is kept for cheap work: it waits, and that is no decoder's
  // death.
  api->Send(Job(1, api->NextCredit(), Put("x"), /*deadline_ms=*/50));
  const JobResult result = api->NextResult();
  EXPECT_EQ(result.outcome(), JobResult::RETRY) << result.message();
  EXPECT_TRUE(fake_.seen().empty());
}

TEST_F(WorkServiceTest, RefusesAJobWithoutACreditOfItsOwn) {
  Start(fake_, 1);
  auto a = Api::Dial(server_->port());
  auto b = Api::Dial(server_->port());
  a->Demand(1);
  const uint64_t credit = a->NextCredit();
  b->Send(Job(1, credit, Put("x")));
  EXPECT_EQ(b->NextResult().outcome(), JobResult::REFUSED);
  a->Send(Job(1, credit, Put("x")));
  EXPECT_EQ(a->NextResult().outcome(), JobResult::DONE);
  a->Send(Job(2, credit, Put("x")));
  EXPECT_EQ(a->NextResult().outcome(), JobResult::REFUSED);
}

TEST_F(WorkServiceTest, ABrokenStreamFreesItsSlots) {
  Start(fake_, 1);
  fake_.Hang(true);
  auto broken = Api::Dial(server_->port());
  auto other = Api::Dial(server_->port());
  broken->Demand(1);
  broken->Send(Job(1, broken->NextCredit(), Put("x")));
  broken->AwaitStarted(1);
  other->Demand(1);
  broken->Break();
  const uint64_t credit = other->NextCredit();  // only comes when the slot is free
  fake_.Hang(false);
  other->Send(Job(1, credit, Put("x")));
  EXPECT_EQ(other->NextResult().outcome(), JobResult::DONE);
}

TEST_F(WorkServiceTest, AHalfClosedStreamEndsWithOkAndFreesItsSlots) {
  Start(fake_, 1);
  fake_.Hang(true);
  auto api = Api::Dial(server_->port());
  api->Demand(1);
  api->Send(Job(1, api->NextCredit(), Put("x")));
  api->AwaitStarted(1);
  api->HalfClose();
  EXPECT_TRUE(api->AwaitClosed().ok());
  AwaitRunning(0);
}

TEST_F(WorkServiceTest, CancellingAJobStopsItAndIsAnswered) {
  Start(fake_, 1);
  fake_.Hang(true);
  auto api = Api::Dial(server_->port());
  api->Demand(1);
  api->Send(Job(5, api->NextCredit(), Put("x")));
  api->AwaitStarted(1);
  api->Cancel(99);
  api->Cancel(5);
  const JobResult result = api->NextResult();
  EXPECT_EQ(result.assignment_id(), 5U);
  EXPECT_EQ(result.outcome(), JobResult::CANCELLED);
  AwaitRunning(0);
}

TEST_F(WorkServiceTest, TheJobsDeadlineReachesTheDecoder) {
  Start(fake_, 1);
  fake_.Hang(true);
  auto api = Api::Dial(server_->port());
  api->Demand(1);
  api->Send(Job(1, api->NextCredit(), Put("x"), /*deadline_ms=*/100));
  EXPECT_EQ(api->NextResult().outcome(), JobResult::DECODER_DIED);
}

TEST_F(WorkServiceTest, TellsTheImagesFaultFromCircumstances) {
  Start(fake_, 1);
  auto api = Api::Dial(server_->port());
  api->Demand(1);
  const auto outcome = [&](const Digest& original) {
    static uint64_t assignment = 0;
    api->Send(Job(++assignment, api->NextCredit(), original));
    return api->NextResult().outcome();
  };
  const Digest there = Put("x");
  EXPECT_EQ(outcome(Digest::Of("not there")), JobResult::RETRY);
  EXPECT_EQ(outcome(Put(std::string((1 << 20) + 1, 'x'))), JobResult::RETRY);
  fake_.FailNext({absl::InvalidArgumentError("bad"), absl::OutOfRangeError("large"),
                  absl::AbortedError("died"), absl::UnavailableError("no decoder")});
  EXPECT_EQ(outcome(there), JobResult::BAD_IMAGE);
  EXPECT_EQ(outcome(there), JobResult::BAD_IMAGE);
  EXPECT_EQ(outcome(there), JobResult::DECODER_DIED);
  EXPECT_EQ(outcome(there), JobResult::RETRY);
  blobs_.FailNext(MemoryBlobClient::Call::kGetBlob, absl::UnavailableError("away"));
  EXPECT_EQ(outcome(there), JobResult::RETRY);
  EXPECT_EQ(outcome(there), JobResult::DONE);
}

TEST_F(WorkServiceTest, DrainsWithoutLosingARunningJob) {
  Start(fake_, 2);
  fake_.Hang(true);
  auto api = Api::Dial(server_->port());
  api->Demand(2);
  api->Send(Job(1, api->NextCredit(), Put("x")));
  api->AwaitStarted(1);
  const uint64_t unspent = api->NextCredit();
  std::thread drain([this] { service_->Drain(absl::Seconds(60)); });
  api->AwaitDraining();
  api->Send(Job(2, unspent, Put("x")));
  const JobResult refused = api->NextResult();
  EXPECT_EQ(refused.assignment_id(), 2U);
  EXPECT_EQ(refused.outcome(), JobResult::REFUSED);
  fake_.Hang(false);
  const JobResult done = api->NextResult();
  EXPECT_EQ(done.assignment_id(), 1U);
  EXPECT_EQ(done.outcome(), JobResult::DONE);
  drain.join();
  EXPECT_TRUE(api->AwaitClosed().ok());
  EXPECT_TRUE(absl::IsUnavailable(Api::Dial(server_->port())->AwaitClosed()));
}

TEST_F(WorkServiceTest, CancelsWhatStillRunsAtTheEndOfTheDrain) {
  Start(fake_, 1);
  fake_.Hang(true);
  auto api = Api::Dial(server_->port());
  api->Demand(1);
  api->Send(Job(1, api->NextCredit(), Put("x")));
  api->AwaitStarted(1);
  service_->Drain(absl::Milliseconds(10));
  EXPECT_EQ(api->NextResult().outcome(), JobResult::CANCELLED);
  EXPECT_TRUE(api->AwaitClosed().ok());
}

TEST_F(WorkServiceTest, BreaksOffAStreamThatDoesNotKeepToTheProtocol) {
  Start(fake_, 2);
  auto silent = Api::Dial(server_->port(), /*say_hello=*/false);
  silent->Demand(1);
  EXPECT_TRUE(absl::IsInvalidArgument(silent->AwaitClosed()));
  fake_.Hang(true);
  auto twice = Api::Dial(server_->port());
  twice->Demand(2);
  twice->Send(Job(1, twice->NextCredit(), Put("x")));
  twice->Send(Job(1, twice->NextCredit(), Put("x")));
  EXPECT_TRUE(absl::IsInvalidArgument(twice->AwaitClosed()));
  AwaitRunning(0);
}

}  // namespace
}  // namespace stockroom::imageproc
