// An actor of this process as a child of a supervisor.
#include <hawser/actors/detail/child_run.hpp>
#include <hawser/shm/error.hpp>

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <exception>
#include <utility>

namespace hawser::actors::detail {
namespace {

class actor_run final : public child_run {
 public:
  actor_run(std::string name, caf::actor_system* system, actor_factory spawn)
      : name_(std::move(name)), system_(system), spawn_(std::move(spawn)) {}

  void start(const std::stop_token&, std::function<void()> ended) override {
    if (system_ == nullptr)
      throw make_error(errc::not_supported, "start actor", name_,
                       "its supervisor was started without an actor system; use start(system)");
    actor_ = spawn_(*system_, escaped_);
    if (!actor_)
      throw make_error(errc::bad_argument, "start actor", name_, "its factory has made none");
    actor_->attach_functor([reason = reason_, ended = std::move(ended)](const caf::error& why) {
      *reason = why;  // ordered before end() by what `ended` does
      ended();
    });
  }

  void ask_to_end() override { caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown); }
  void kill() override { caf::anon_send_exit(actor_, caf::exit_reason::kill); }

  child_end end() override {
    child_end end;
    if (!actor_) return end;
    const caf::error& why = *reason_;
    if (!escaped_->type.empty()) {
      const bool memory =
          escaped_->type == "std::bad_alloc" || escaped_->type == "std::bad_array_new_length";
      end.kind = memory ? end_kind::out_of_memory : end_kind::exception;
      end.text = "quit with " + escaped_->type + ": " + escaped_->message;
    } else if (!why || why == caf::exit_reason::normal || why == caf::exit_reason::user_shutdown) {
      end.kind = end_kind::normal;
      end.text = "quit";
    } else {
      const bool exception = why == unhandled_exception() || why == caf::sec::runtime_error;
      end.kind = exception ? end_kind::exception : end_kind::code;
      end.text = "quit with " + render(*system_, why);
    }
    return end;
  }

  caf::actor actor() const override { return actor_; }

 private:
  const std::string name_;
  caf::actor_system* const system_;
  const actor_factory spawn_;
  caf::actor actor_;
  const escaped_pointer escaped_ = std::make_shared<escaped_exception>();
  const std::shared_ptr<caf::error> reason_ = std::make_shared<caf::error>();
};

}  // namespace

child_spec actor_child(std::string name, const child_options& options, actor_factory spawn) {
  child_spec spec{name, child_info::kind::actor, options.restart, options.stop_timeout, {}, {}};
  spec.make = [name = std::move(name), spawn = std::move(spawn)](const tree_place& place) {
    return std::make_unique<actor_run>(name, place.system, spawn);
  };
  return spec;
}

}  // namespace hawser::actors::detail
