#include "services/api/handlers/system_handlers.h"

#include "services/api/handlers/add_unary.h"

namespace stockroom::api {

absl::Status SystemHandlers::Ping(const CallContext&, const Principal&, const v1::PingRequest&,
                                  v1::PingResponse*) {
  return absl::OkStatus();
}

absl::Status SystemHandlers::GetServerInfo(const CallContext&, const Principal& who,
                                           const v1::GetServerInfoRequest&,
                                           v1::ServerInfo* response) {
  response->set_version(version_);
  response->set_index_position(position_.Get());
  // Counts would tell how many images there are that one may not see.
  if (!who.scopes.Has(Scope::kAdmin) && !who.scopes.Has(Scope::kModerate)) return absl::OkStatus();
  const JobNumbers jobs = jobs_();
  response->set_jobs_waiting(jobs.waiting);
  response->set_jobs_running(jobs.running);
  for (const WorkerStatus& worker : workers_.Workers()) {
    v1::WorkerInfo* out = response->add_workers();
    out->set_address(worker.address);
    out->set_id(worker.id);
    out->set_streams(worker.streams);
    out->set_credits(worker.credits);
    out->set_running(worker.running);
    out->set_draining(worker.draining);
    out->set_version(worker.version);
    for (const WorkerEngine& engine : worker.engines) {
      v1::Engine& made = *out->add_engines();
      made.set_program(engine.program);
      made.set_libvips(engine.libvips);
      made.mutable_reads()->Add(engine.reads.begin(), engine.reads.end());
      made.mutable_writes()->Add(engine.writes.begin(), engine.writes.end());
    }
  }
  response->set_index_images(index_.size());
  return absl::OkStatus();
}

void SystemHandlers::AddTo(MethodTable& table) {
  const auto* service = v1::PingRequest::descriptor()->file()->FindServiceByName("SystemService");
  AddUnary<v1::PingRequest, v1::PingResponse>(table, service, "Ping", this, &SystemHandlers::Ping);
  AddUnary<v1::GetServerInfoRequest, v1::ServerInfo>(table, service, "GetServerInfo", this,
                                                     &SystemHandlers::GetServerInfo);
}

}  // namespace stockroom::api
