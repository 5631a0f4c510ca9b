# Elements, rigs and the command as they run, against each other and against others' programs.
imsrig_test(rfc4475_element LABEL release
  SOURCES tests/unit/rfc4475_table.c tests/unit/rig.c LINK sip ca admin_client)
add_dependencies(test_rfc4475_element epcscf)

# interop(name labels...): tests/interop/<name>.sh with the programs, the sources, and a
# directory of its own. They count the seconds, so nothing runs beside them.
function(interop name)
  add_test(NAME ${name} COMMAND bash ${CMAKE_SOURCE_DIR}/tests/interop/${name}.sh
    ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/t/${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900 RUN_SERIAL TRUE LABELS "${ARGN}")
endfunction()
interop(catalogue slow release)
interop(sipp_register release)
interop(command release)
interop(avproxy)
interop(falsify slow)
interop(half_registered slow)
interop(bad_config)
interop(element_dies)
