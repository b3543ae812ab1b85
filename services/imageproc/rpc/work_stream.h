// One api's Work stream. Only for this folder.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "services/common/base/call_context.h"
#include "services/common/base/mutex.h"
#include "services/common/rpc/server_streams.h"
#include "services/imageproc/rpc/work_service.h"

namespace stockroom::imageproc {

// Opened -> serving (after the api's hello) -> closed. Its jobs end with it: when the api
// half-closes or is gone, they are cancelled, their decoders killed, their slots freed.
class WorkStream final : public rpc::BidiHandler<internal::ApiMessage, internal::WorkerMessage>,
                         public std::enable_shared_from_this<WorkStream> {
 public:
  explicit WorkStream(WorkService& service) : service_(service) {}

  void OnOpen(std::shared_ptr<rpc::BidiStream<internal::WorkerMessage>> stream) override;
  void OnMessage(internal::ApiMessage& message) override;
  void OnReadsDone() override;
  void OnClosed(const absl::Status& status) override;

  // For the service, from any thread.
  void SetId(uint64_t id) { id_ = id; }
  void SayDraining();
  void CancelJobs();
  void Close(absl::Status status);

 private:
  enum class State { kOpened, kServing, kClosed };

  void Serve(const internal::ApiHello& hello);
  void Begin(internal::WorkJob job);
  void Refuse(uint64_t assignment_id, std::string message);
  void RunJob(const CallContext& context, const internal::WorkJob& job);
  void End(internal::JobResult result);
  void Cancel(uint64_t assignment_id);
  void BreakOff(std::string_view why);
  // Gives up the stream when the api does not read what it is sent.
  void Send(internal::WorkerMessage message);
  void SendCredits(const std::vector<uint64_t>& credits);

  WorkService& service_;
  uint64_t id_ = 0;  // in the service's map; set before OnOpen returns
  std::shared_ptr<rpc::BidiStream<internal::WorkerMessage>> stream_;  // set by OnOpen, kept

  Mutex mu_;
  State state_ SR_GUARDED_BY(mu_) = State::kOpened;
  uint64_t book_id_ SR_GUARDED_BY(mu_) = 0;  // in the credit book, while serving
  std::string api_id_ SR_GUARDED_BY(mu_);
  // Assignments that run; bounded by the slot budget.
  std::map<uint64_t, std::shared_ptr<Cancellation>> jobs_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::imageproc
