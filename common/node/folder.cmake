imsrig_library(admin_client
  SOURCES common/node/admin_client.c
  LINK base PkgConfig::JANSSON PkgConfig::UV)

# The sections need sip and cx of those elements alone that use them: they link them behind.
imsrig_library(node
  SOURCES
    common/node/node.c common/node/node_conf.c common/node/command.c common/node/admin.c
    common/node/notify.c common/node/health.c common/node/sections.c
    common/node/section_cx.c common/node/section_mw.c
  LINK admin_client conf http net trace base PkgConfig::JANSSON PkgConfig::UV)

add_executable(node_sample EXCLUDE_FROM_ALL tests/unit/node_sample.c)
target_link_libraries(node_sample PRIVATE node)
imsrig_test(node LINK admin_client)
add_dependencies(test_node node_sample)
