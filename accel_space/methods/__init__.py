"""The methods, one file each; a new one is added here."""

from accel_space.method import Method
from accel_space.methods.cfg_cutoff import CFGCutoff
from accel_space.methods.compile import Compile
from accel_space.methods.cuda_graph import CudaGraph
from accel_space.methods.deepcache import DeepCache
from accel_space.methods.fewer_steps import FewerSteps
from accel_space.methods.first_block_cache import FirstBlockCache
from accel_space.methods.mag_cache import MagCache
from accel_space.methods.pab import PAB
from accel_space.methods.step_cache import StepCache
from accel_space.methods.taylorseer import TaylorSeer
from accel_space.methods.tgate import TGate
from accel_space.methods.tome import ToMe

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        DeepCache(),
        TGate(),
        ToMe(),
        PAB(),
        CFGCutoff(),
        FewerSteps(),
        TaylorSeer(),
        FirstBlockCache(),
        MagCache(),
        StepCache(),
        Compile(),
        CudaGraph(),
    )
}
