/// Kill points of arrays in files while nobody else is attached.
#pragma once

#include "array_innards.hpp"

#include <filesystem>
#include <optional>
#include <string>

#include <killpoint/scenario.hpp>

namespace hawser::test {

class file_scenario final : public killpoint::scenario {
 public:
  enum operation {
    create,
    create_with_temporary_name,  ///< as where the file system has no O_TMPFILE
    open_existing,
    open_and_redo,  ///< a killed process left a committed journal
    leave
  };

  file_scenario(operation what, const std::string& unique);

  std::string name() const override;
  int outcomes() const override { return creates() ? 2 : 1; }
  std::string outcome_words(int outcome) const override;
  bool spends_object() const override { return true; }
  bool has_occupant() const override { return what_ == open_and_redo; }

  void arrange(int object) override;
  void occupy(int object) override;
  void enter(int object) override;
  void operate() override;
  killpoint::verdict check(killpoint::sleeper_news&, bool complete) override;
  std::string leftovers() override;

 private:
  using array = shm::array<cell>;
  bool creates() const { return what_ == create || what_ == create_with_temporary_name; }
  std::filesystem::path path_of(int object) const {
    return directory_ / ("x" + std::to_string(object));
  }
  std::string judge(killpoint::verdict& found);

  operation what_;
  std::filesystem::path directory_, path_;
  std::optional<array> own_;
};

}  // namespace hawser::test
