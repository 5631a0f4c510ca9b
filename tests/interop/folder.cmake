# Elements, rigs and the command as they run, against each other and against others' programs.
imsrig_test(rfc4475_element LABEL release SOURCES tests/unit/rig.c LINK sip ca admin_client)
add_dependencies(test_rfc4475_element epcscf)
