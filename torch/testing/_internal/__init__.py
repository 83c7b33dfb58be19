"""Tools for test suites: cases over devices and dtypes, parametrised tests, sample inputs."""
