#include "subjects/channel_measurements.hpp"
#include "subjects/subjects.hpp"

#include <boost/interprocess/ipc/message_queue.hpp>

#include <memory>
#include <optional>

#include <unistd.h>

namespace hawser::bench {
namespace {

namespace ipc = boost::interprocess;

template <class Message>
class boost_message_queue {
 public:
  boost_message_queue() : name_("hawser-bench-" + std::to_string(getpid()) + "-" + next_number()) {
    ipc::message_queue::remove(name_.c_str());
  }
  boost_message_queue(const boost_message_queue&) = delete;
  boost_message_queue& operator=(const boost_message_queue&) = delete;
  ~boost_message_queue() { ipc::message_queue::remove(name_.c_str()); }

  class sender {
   public:
    explicit sender(const std::string& name)
        : queue_(std::make_unique<ipc::message_queue>(ipc::open_only, name.c_str())) {}
    void send(const Message& message) { queue_->send(&message, sizeof message, 0); }
    void flush() {}

   private:
    std::unique_ptr<ipc::message_queue> queue_;
  };

  class receiver {
   public:
    explicit receiver(const std::string& name)
        : queue_(std::make_unique<ipc::message_queue>(
              ipc::create_only, name.c_str(), room_for(sizeof(Message)), sizeof(Message))) {}
    explicit receiver(const std::string& name, ipc::open_only_t)
        : queue_(std::make_unique<ipc::message_queue>(ipc::open_only, name.c_str())) {}

    template <class Use>
    std::size_t receive(Use&& use) {
      std::size_t bytes = 0;
      unsigned priority = 0;
      queue_->receive(message_.get(), sizeof(Message), bytes, priority);
      use(*message_);
      return 1;
    }

    template <class Use>
    std::size_t try_receive(Use&& use) {
      std::size_t bytes = 0;
      unsigned priority = 0;
      if (!queue_->try_receive(message_.get(), sizeof(Message), bytes, priority)) return 0;
      use(*message_);
      return 1;
    }

   private:
    std::unique_ptr<ipc::message_queue> queue_;
    std::unique_ptr<Message> message_ = std::make_unique<Message>();
  };

  receiver create_receiver() { return receiver{name_}; }
  receiver open_receiver() { return receiver{name_, ipc::open_only}; }
  sender open_sender() { return sender{name_}; }

 private:
  static std::string next_number() {
    static unsigned made = 0;
    return std::to_string(++made);
  }

  std::string name_;
};

}  // namespace

void add_boost_message_queue(std::vector<measurement>& all) {
  const std::string subject = "boost.message_queue";
  add_throughput_of_all_sizes<boost_message_queue>(all, subject);
  add_round_trip<boost_message_queue>(all, subject);
  add_blocking<boost_message_queue>(all, subject);
  add_one_cpu<boost_message_queue>(all, subject);
  add_many<boost_message_queue>(all, subject);
}

}  // namespace hawser::bench
